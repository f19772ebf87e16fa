"""What is disturbed: a kind of job, what it starts from, and what it must leave in the end."""

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString, Protocol
from uuid import UUID

from rhizome_pipelines.checkpoints.keys import TEMPORARY_MARK, parse_checkpoint_name
from tests.system.chaos.world import ChaosWorld

FILES = ("content.md", "chunks.json", "embeddings.parquet", "connections.parquet")

INSERT: LiteralString = """
    insert into background_jobs (id, user_id, job_type, entity_type, entity_id, input_data)
    select %(id)s, user_id, %(type)s, 'document', id, %(input)s::jsonb
    from documents where id = %(document)s
    returning id"""
INSERT_ABOUT_ALL: LiteralString = """
    insert into background_jobs (id, user_id, job_type, input_data)
    select distinct %(id)s::uuid, user_id, %(type)s, %(input)s::jsonb from documents
    returning id"""
CHUNKS: LiteralString = """
    select to_jsonb(c) - 'created_at' - 'connections_detected_at' as row from chunks c
    where document_id = any(%s) order by document_id, chunk_index, id"""
CONNECTIONS: LiteralString = """
    select to_jsonb(x) - 'id' - 'discovered_at' as row from connections x
    where exists (select from chunks c where c.document_id = any(%s)
                  and c.id in (x.source_chunk_id, x.target_chunk_id))
    order by source_chunk_id, target_chunk_id, connection_type"""
"""Their ids are drawn by the database each time; what they are is told by the other columns."""


class Case(Protocol):
    """A kind of job, disturbed again and again."""

    @property
    def stages(self) -> Sequence[str]:
        """Those of the job, in order."""

    def prepare(self, world: ChaosWorld) -> None:
        """Make the job start from where the undisturbed one started."""

    def ask(self, world: ChaosWorld, job: UUID) -> None:
        """Insert the row, as a client does."""

    def folder(self, world: ChaosWorld, job: UUID) -> Path:
        """Where the job keeps its checkpoints."""

    def results(self, world: ChaosWorld, job: UUID) -> Mapping[str, Any]:
        """Everything lasting that it makes, except the times when it was made."""


class ProcessDocument(Case):
    """The book, through all stages; what it has left before is removed."""

    stages = ("extraction", "chunking", "embeddings", "connections")

    def prepare(self, world: ChaosWorld) -> None:
        """Nothing of earlier jobs can be found there."""
        world.rows("delete from chunks where document_id = %s returning id", world.document)
        for path in world.folder.iterdir():
            if not path.name.startswith("source."):
                path.unlink()

    def ask(self, world: ChaosWorld, job: UUID) -> None:
        """See `Case`."""
        _ask(world, job, "process_document", {}, world.document)

    def folder(self, world: ChaosWorld, job: UUID) -> Path:
        """The document's."""
        return world.folder

    def results(self, world: ChaosWorld, job: UUID) -> Mapping[str, Any]:
        """Files and rows of the book."""
        hashes = {name: _hash((world.folder / name).read_bytes()) for name in FILES}
        return {**hashes, **_rows(world, [world.document])}


class DetectConnections(ProcessDocument):
    """The book's connections alone, on its partition."""

    stages = ("connections",)

    def prepare(self, world: ChaosWorld) -> None:
        """None of its connections is there."""
        world.rows("delete from connections returning id")
        (world.folder / "connections.parquet").unlink(missing_ok=True)

    def ask(self, world: ChaosWorld, job: UUID) -> None:
        """See `Case`."""
        _ask(world, job, "detect_connections", {}, world.document)


class _Ops(Case):
    """A job of ops: its checkpoints lie under its own id."""

    def prepare(self, world: ChaosWorld) -> None:
        """It can be done again and again."""

    def folder(self, world: ChaosWorld, job: UUID) -> Path:
        """The job's, made before it is asked for: somebody watches it."""
        folder = world.folder.parent / str(job)
        folder.mkdir(exist_ok=True)
        return folder


class ReprocessConnections(_Ops):
    """The book's connections anew; what a person has judged is kept, or backed up."""

    stages = ("detection",)

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def prepare(self, world: ChaosWorld) -> None:
        """Some are validated, some rejected, as at first."""
        world.rows(
            "update connections set user_validated = case "
            "when hashtext(source_chunk_id::text) %% 7 = 0 then true "
            "when hashtext(target_chunk_id::text) %% 5 = 0 then false end returning id"
        )

    def ask(self, world: ChaosWorld, job: UUID) -> None:
        """See `Case`."""
        _ask(world, job, "reprocess_connections", {"mode": self._mode}, world.document)

    def results(self, world: ChaosWorld, job: UUID) -> Mapping[str, Any]:
        """The connections, what the job tells, and the backup."""
        output = world.job(job)["output_data"]
        backups = [*world.folder.glob("validated-connections-*.json")]
        kept = [
            [_without(row, {"id", "discovered_at"}) for row in json.loads(path.read_text())[ROWS]]
            for path in backups
        ]
        for path in backups:
            path.unlink()
        told = _without(output, _TIMES)
        return {
            "told": told,
            "backups": [sorted(rows, key=json.dumps) for rows in kept],
            **_rows(world, [world.document]),
        }


ROWS = "connections"
_TIMES = {"processingTimeMs", "backupPath", "importDurationMs"}


def _without(record: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


class ExportDocuments(_Ops):
    """All documents, with everything, into one archive."""

    stages = ("archive",)

    def __init__(self, documents: Sequence[UUID]) -> None:
        self._documents = documents

    def ask(self, world: ChaosWorld, job: UUID) -> None:
        """See `Case`."""
        wanted = {
            "document_ids": [str(one) for one in self._documents],
            "includeConnections": True,
            "includeAnnotations": True,
        }
        _ask(world, job, "export_documents", wanted)

    def results(self, world: ChaosWorld, job: UUID) -> Mapping[str, Any]:
        """Every entry of the archive; its manifest but for the time when it was asked for."""
        with zipfile.ZipFile(io.BytesIO(self.archive(world, job))) as archive:
            assert archive.testzip() is None
            entries = {name: _hash(archive.read(name)) for name in archive.namelist()}
            manifest = json.loads(archive.read("manifest.json"))
        manifest.pop("created_at")
        return {**entries, "manifest.json": manifest, "order": list(entries)}

    def archive(self, world: ChaosWorld, job: UUID) -> bytes:
        """The archive that the job has made."""
        key = world.job(job)["output_data"]["storagePath"]
        return (world.home.path / "objects" / key).read_bytes()


class ImportDocuments(_Ops):
    """An archive over the documents that it was made of; vectors are made anew."""

    stages = ("reading", "application", "files")

    def __init__(self, archive: bytes, documents: Sequence[UUID]) -> None:
        self._archive = archive
        self._documents = documents

    def prepare(self, world: ChaosWorld) -> None:
        """The archive is uploaded: an import removes it."""
        path = self._upload(world)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self._archive)

    def ask(self, world: ChaosWorld, job: UUID) -> None:
        """See `Case`."""
        wanted = {
            "storage_path": str(self._upload(world).relative_to(world.home.path / "objects")),
            "strategy": "replace",
            "regenerateEmbeddings": True,
        }
        _ask(world, job, "import_document", wanted)

    def results(self, world: ChaosWorld, job: UUID) -> Mapping[str, Any]:
        """Files and rows of all documents, and what the job tells."""
        assert not self._upload(world).exists(), "the upload goes with the import"
        user = world.folder.parent
        files = {
            str(path.relative_to(user)): _hash(path.read_bytes())
            for document in self._documents
            for path in sorted((user / str(document)).rglob("*"))
            if path.is_file()
            and parse_checkpoint_name(path.name) is None
            # Who is killed while writing leaves this; the store itself removes it after an hour.
            and not path.name.startswith(TEMPORARY_MARK)
        }
        output = world.job(job)["output_data"]
        return {**files, "told": _without(output, _TIMES), **_rows(world, self._documents)}

    def _upload(self, world: ChaosWorld) -> Path:
        return world.folder.parent / "imports" / "library.zip"


def _ask(
    world: ChaosWorld,
    job: UUID,
    job_type: str,
    wanted: Mapping[str, Any],
    document: UUID | None = None,
) -> None:
    told = {"id": job, "type": job_type, "input": json.dumps(wanted), "document": document}
    world.rows(INSERT_ABOUT_ALL if document is None else INSERT, named=told)


def _rows(world: ChaosWorld, documents: Sequence[UUID]) -> dict[str, Any]:
    chunks = [one["row"] for one in world.rows(CHUNKS, list(documents))]
    connections = [one["row"] for one in world.rows(CONNECTIONS, list(documents))]
    assert chunks
    assert connections
    return {"chunks": chunks, "connections": connections}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
