"""Exports from a real installation: what goes in, under which name, and again the same."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pandas as pd
import pytest

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.deployment.exporting import archive_stage, export_output
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.transfer.links import LOCAL_FOLDER, link_is_good, link_secret
from tests.integration.transfer.transfer_world import NOW, Installation, entries, of_user

ROOTS = "# Roots 🌱\n\nRoots hold the soil and carry water to the leaves of old trees.\n\n" * 4
TREES = "# Trees\n\nOld trees hold soil with roots that carry water up to the leaves.\n\n" * 4


@pytest.fixture
def roots(here: Installation, tmp_path: Path) -> Document:
    return here.process(tmp_path, "roots.md", ROOTS)


@pytest.fixture
def trees(here: Installation, roots: Document, tmp_path: Path) -> Document:
    return here.process(tmp_path, "trees.md", TREES)


def test_everything_of_a_document_is_in_the_archive(here: Installation, roots: Document) -> None:
    here.store_file(roots, "pictures/deep/er/root.unknown-type", b"\x00\xff")
    here.store_file(roots, "stage-extraction.json", b"of no use elsewhere")

    found = entries(here.export(roots.id))

    stored = here.files(roots.id)
    del stored["stage-extraction.json"]
    in_archive = {
        name.removeprefix(f"documents/{roots.id}/"): data
        for name, data in found.items()
        if name.startswith("documents/")
    }
    assert set(in_archive) == set(stored)
    assert {"content.md", "chunks.json", "metadata.json", "embeddings.parquet"} < set(in_archive)
    del stored["manifest.json"]
    assert stored.items() <= in_archive.items()
    assert f'"{here.user}/'.encode() not in in_archive["manifest.json"]
    row = json.loads(found[f"rows/{roots.id}/document.json"])
    assert (row["title"], row["storage_path"]) == ("roots", "source.md")


def test_the_archives_manifest_has_the_hash_of_every_file(
    here: Installation, roots: Document, trees: Document
) -> None:
    found = entries(here.export(roots.id, trees.id))

    manifest = json.loads(found.pop("manifest.json"))
    listed = {one["path"]: one for doc in manifest["documents"] for one in doc["files"]}
    assert manifest["document_count"] == 2
    assert [one["title"] for one in manifest["documents"]] == ["roots", "trees"]
    assert {name: (one["size"], one["hash"]) for name, one in listed.items()} == {
        name: (len(data), sha256(data).hexdigest()) for name, data in found.items()
    }


def test_defect_9_two_exports_on_one_day_do_not_overwrite_each_other(
    here: Installation, roots: Document
) -> None:
    one, other = here.export(roots.id), here.export(roots.id, includeConnections=True)

    stored = [*here.services.objects.list(f"{here.user}/exports/")]

    assert len(stored) == 2
    assert sorted(info.size for info in stored) == sorted([len(one), len(other)])


def test_connections_and_annotations_go_in_when_they_are_asked_for(
    here: Installation, roots: Document, trees: Document
) -> None:
    plain = entries(here.export(trees.id))
    assert not [name for name in plain if name.endswith(("connections.json", "annotations.json"))]

    found = entries(here.export(trees.id, includeConnections=True, includeAnnotations=True))

    connections = json.loads(found[f"rows/{trees.id}/connections.json"])["connections"]
    assert connections
    assert {one["target_document_id"] for one in connections} <= {str(roots.id), str(trees.id)}
    assert json.loads(found[f"rows/{trees.id}/annotations.json"])["annotations"] == []


def test_each_connection_is_told_once(here: Installation, roots: Document, trees: Document) -> None:
    found = entries(here.export(roots.id, trees.id, includeConnections=True))
    told = [
        (one["source_document_id"], one["source_index"], one["target_document_id"],
         one["target_index"], one["connection_type"])
        for document in (roots, trees)
        for one in json.loads(found[f"rows/{document.id}/connections.json"])["connections"]
    ]  # fmt: skip
    (stored,) = here.database.all("select count(*) as count from connections")
    assert len(told) == len(set(told)) == stored["count"]


def test_the_database_has_the_last_word(here: Installation, roots: Document) -> None:
    here.database.execute(
        "update chunks set summary = 'By another program.' where document_id = %s", (roots.id,)
    )
    here.database.execute(
        "update chunks set embedding = (select embedding from chunks order by random() limit 1) "
        "where chunk_index = 0"
    )

    found = entries(here.export(roots.id))

    chunks = found[f"documents/{roots.id}/chunks.json"]
    assert {one["summary"] for one in json.loads(chunks)["chunks"]} == {"By another program."}
    manifest = json.loads(found[f"documents/{roots.id}/manifest.json"])
    assert manifest["files"]["chunks"]["hash"] == sha256(chunks).hexdigest()
    assert set(manifest["stages"]) == {"extraction"}


def test_an_export_made_again_has_the_same_bytes(
    here: Installation, roots: Document, trees: Document
) -> None:
    job = here.job(
        JobType.EXPORT_DOCUMENTS,
        document_ids=[str(roots.id), str(trees.id)],
        includeConnections=True,
    )
    archives = []
    for _ in range(2):
        facts = here.walk(archive_stage(here.services, job), here.store_of(job)).checkpoint.facts
        archives.append(here.services.objects.read(str(facts["key"])))
        here.store_of(job).discard_all()
        here.services.objects.delete([str(facts["key"])])
    assert archives[0] == archives[1]


def test_nothing_of_the_work_is_left_behind(here: Installation, roots: Document) -> None:
    job = here.job(JobType.EXPORT_DOCUMENTS, document_ids=[str(roots.id)])
    store = here.store_of(job)
    here.walk(archive_stage(here.services, job), store)
    store.discard_all()
    assert [*here.services.objects.list(store.keys.prefix)] == []


def test_anothers_documents_are_refused_by_name(here: Installation, roots: Document) -> None:
    stranger, gone = of_user(here, uuid4()), uuid4()
    with pytest.raises(InvalidInputError, match="2 of the 2 documents") as refused:
        stranger.export(roots.id, gone)
    assert str(roots.id) in refused.value.message


def test_a_folder_has_a_link_that_expires(here: Installation, roots: Document) -> None:
    job = here.job(JobType.EXPORT_DOCUMENTS, document_ids=[str(roots.id)])
    facts = here.walk(archive_stage(here.services, job), here.store_of(job)).checkpoint.facts

    output = export_output(here.services, job, facts, NOW)

    assert output["expiresAt"] == "2026-01-03T03:04:05+00:00"
    assert output["zipFilename"] == f"rhizome-{datetime.now(UTC):%Y-%m-%d}-{job.id}.zip"
    assert output["storagePath"] == f"{here.user}/exports/{output['zipFilename']}"
    assert (output["documentCount"], output["includedConnections"]) == (1, False)
    assert float(output["zipSizeMb"]) >= 0
    link = urlsplit(output["downloadUrl"])
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    secret = link_secret(here.services.settings.home)
    key = unquote(link.path).removeprefix(LOCAL_FOLDER)
    assert key == output["storagePath"]
    assert link_is_good(key, query["expires"], query["token"], secret, NOW)


def test_notes_are_readable_and_linked(
    here: Installation, roots: Document, trees: Document
) -> None:
    found = entries(here.export(roots.id, trees.id, format="markdown", includeConnections=True))

    assert set(found) == {"notes/roots.md", "notes/trees.md", "manifest.json"}
    note = found["notes/trees.md"].decode()
    assert note.startswith(f"---\nid: {trees.id}\ntitle: trees\n")
    assert TREES.strip() in note
    assert "## Connections" in note
    assert "- [roots](roots.md) (semantic similarity, 0." in note


def test_tables_are_read_by_pandas(
    here: Installation, roots: Document, trees: Document, tmp_path: Path
) -> None:
    found = entries(here.export(roots.id, trees.id, format="parquet"))
    for name, data in found.items():
        (tmp_path / "tables" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tables" / name).write_bytes(data)

    chunks, embeddings, connections = (
        pd.read_parquet(tmp_path / "tables" / table)
        for table in ("chunks", "embeddings", "connections")
    )

    joined = chunks.merge(embeddings, on=["document_id", "chunk_index"])
    assert len(joined) == len(chunks) == len(embeddings) > 0
    assert set(chunks["document_title"]) == {"roots", "trees"}
    assert {len(vector) for vector in embeddings["vector"]} == {256}
    assert set(connections["source_document_id"]) <= {str(roots.id), str(trees.id)}
    assert len(connections) > 0


def test_a_document_without_text_is_exported_too(here: Installation, tmp_path: Path) -> None:
    document = here.process(tmp_path, "roots.md", ROOTS, connections=False)
    here.database.execute("delete from chunks")
    objects = here.services.objects
    keys = DocumentKeys(here.user, document.id)
    objects.delete([keys.chunks, keys.content, keys.manifest, keys.embeddings])
    for format_ in ("zip", "markdown", "parquet"):
        assert "manifest.json" in entries(here.export(document.id, format=format_))
