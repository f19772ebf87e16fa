"""`rhizome import`: what it takes, what it says of anything else, and one document of many."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.settings import DEFAULT_USER
from tests.integration.deployment.command_line import CommandLine
from tests.integration.transfer.transfer_world import Installation

TEXT = "# The Box\n\nNotes answer when they are asked. Each of them knows some of the others.\n"


@pytest.fixture
def there(services: Services, tmp_path: Path) -> Installation:
    return Installation(services, DEFAULT_USER)


@pytest.fixture
def document(there: Installation, tmp_path: Path) -> UUID:
    return there.process(tmp_path, "box.md", TEXT, connections=False).id


@pytest.fixture
def chunks(there: Installation, document: UUID, tmp_path: Path) -> Path:
    """The document's chunks.json as a client has it on its disk; the first has a summary."""
    found: dict[str, Any] = json.loads(there.files(document)["chunks.json"])
    found["chunks"][0]["summary"] = "It answers."
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(found))
    return path


def test_a_chunks_json_is_imported_as_its_documents(
    rhizome: CommandLine, services: Services, document: UUID, chunks: Path
) -> None:
    for named in (document, str(document)[:8]):
        plan = rhizome.json(
            *("import", chunks, "--document", named, "--strategy", "merge_smart", "--dry-run")
        )
        assert [one["document_id"] for one in plan["documents"]] == [str(document)]
        assert [one["decision"] for one in plan["documents"]] == ["merge"]
    table = rhizome.lines("import", chunks, "--document", document, "--dry-run")
    assert table[1].startswith(f"{document}\tskip"), "a chunks.json has no title to be shown"
    assert not JobRepository(services.database).list(user_id=DEFAULT_USER)


def test_a_chunks_json_of_another_document_is_refused(rhizome: CommandLine, chunks: Path) -> None:
    told = rhizome.complaint(2, "import", chunks, "--document", uuid4(), "--dry-run")
    assert "chunks.json belongs to another document" in told


def test_a_chunks_json_without_its_document_is_told_how(rhizome: CommandLine, chunks: Path) -> None:
    told = rhizome.complaint(2, "import", chunks)
    assert "To import a chunks.json, name its document too: `rhizome import --document ID`" in told


def test_one_document_of_an_archive(
    rhizome: CommandLine, there: Installation, document: UUID, tmp_path: Path
) -> None:
    other = there.process(tmp_path, "other.md", f"{TEXT}\nMore.\n", connections=False).id
    archive = tmp_path / "both.zip"
    archive.write_bytes(there.export(document, other))

    plan = rhizome.json("import", archive, "--document", other, "--dry-run")

    assert [one["document_id"] for one in plan["documents"]] == [str(other)]
    absent = uuid4()
    told = rhizome.complaint(2, "import", archive, "--document", absent, "--dry-run")
    assert f"The archive has no document {absent}." in told


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "an empty file"),
        (b"Just some words \xe2\x80\x94 no more.", "a text"),
        ("é".encode() * 4_000, "a text"),
        (b"%PDF-1.7 \0\xff", "a PDF"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (bytes(range(255, -1, -1)), "a file of an unknown kind"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--document", str(DEFAULT_USER)]])
def test_anything_else_is_told_for_what_it_is(
    rhizome: CommandLine,
    services: Services,
    tmp_path: Path,
    data: bytes,
    kind: str,
    options: list[str],
) -> None:
    path = tmp_path / "chunks.json"
    path.write_bytes(data)

    told = rhizome.complaint(2, "import", path, *options)

    assert f"What is to be imported is {kind}; an import takes" in told
    assert not [*services.objects.list("")], "nothing is stored of what is refused"
    assert not JobRepository(services.database).list(user_id=DEFAULT_USER)


def test_a_documents_id_that_is_none(rhizome: CommandLine, chunks: Path) -> None:
    assert "'abc' is too short for a document's id" in rhizome.complaint(
        2, "import", chunks, "--document", "abc"
    )
