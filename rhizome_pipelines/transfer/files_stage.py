"""The stage `files`: the stored files of what was imported, and what is to follow.

A unit is a document. Files come after the rows: what may be refused was refused before, and what is
left to do can only be interrupted, and is then gone on with.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256
from rhizome_pipelines.checkpoints.imported_record import imported_record, list_files, new_manifest
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectMissingError, ObjectStore
from rhizome_pipelines.checkpoints.portable_manifest import (
    Fields,
    made_at_home,
    manifest_bytes,
    read_manifest,
    with_other_file,
)
from rhizome_pipelines.checkpoints.stage_file import StoredOutput
from rhizome_pipelines.checkpoints.verification import described
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit
from rhizome_pipelines.transfer.archive import RefusedArchiveError
from rhizome_pipelines.transfer.bundle import Bundle, BundledDocument
from rhizome_pipelines.transfer.collecting import (
    CHUNKS,
    DOCUMENT_MANIFEST,
    EMBEDDINGS,
    INVALID_WITHOUT,
    MANIFEST_NAMES,
    MAX_MANIFEST,
)
from rhizome_pipelines.transfer.export_manifest import ListedFile
from rhizome_pipelines.transfer.import_ports import AppliedDocument, RequestDetection
from rhizome_pipelines.transfer.incoming_documents import vectors_key
from rhizome_pipelines.transfer.packing import METADATA
from rhizome_pipelines.transfer.places import CONTENT
from rhizome_pipelines.transfer.plan import Plan
from rhizome_pipelines.transfer.ports import Told


class FilesStage:
    """Stores files. `applied` are the facts of `application`; `keys` and `asked_at` the job's.

    `lies_at` is the storage key of the bundle: a `chunks.json` that lies where it belongs stays.
    """

    VERSION: ClassVar[str] = "2"
    NAME: ClassVar[str] = "files"

    def __init__(
        self,
        keys: DocumentKeys,
        objects: ObjectStore,
        bundle: Bundle,
        lies_at: str,
        applied: Facts,
        asked_at: datetime,
        request_detection: RequestDetection | None,
    ) -> None:
        self._keys = keys
        self._objects = objects
        self._bundle = bundle
        self._lies_at = lies_at
        self._applied = applied
        self._asked_at = asked_at.astimezone(UTC)
        self._request = request_detection
        plan = Plan.model_validate(applied["plan"])
        self._planned = {one.document_id: one for one in plan.documents if one.brings_rows}
        self._changed = [*self._planned]
        self._judged_lost = {
            one.document_id: list(one.judged_lost)
            for one in map(AppliedDocument.model_validate, applied["applied"])
        }
        self._embedded = {UUID(one) for one in applied["embedded"]}
        self._documents = {one.document_id: one for one in bundle.documents}

    @property
    def name(self) -> str:
        """`files`."""
        return self.NAME

    @property
    def version(self) -> str:
        """`VERSION`."""
        return self.VERSION

    def dependencies(self) -> Mapping[str, str]:
        """What was applied, and from where."""
        return {
            "input:bundle": self._bundle.digest,
            "input:applied": sha256(canonical_json(self._applied)),
            "reprocess": str(self._request is not None).lower(),
        }

    def units(self) -> Sequence[Unit]:
        """One for each document whose rows came from the bundle."""
        return [
            Unit(
                key=f"document-{document_id}",
                label=self._documents[document_id].title[:80] or str(document_id),
                weight=float(self._documents[document_id].size + 1),
                counters={"documents_done": number, "documents_total": len(self._changed)},
            )
            for number, document_id in enumerate(self._changed, 1)
        ]

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """Store the document's files; what is kept names them."""
        document = self._documents[UUID(unit.key.removeprefix("document-"))]
        keys = DocumentKeys(self._keys.user_id, document.document_id)
        done = 0

        def told(size: int) -> None:
            nonlocal done
            done += size
            pulse(min(1.0, done / unit.weight), unit.label)

        stored = {name: file.hash for name, file in document.files.items()}
        for name, file in document.files.items():
            key = keys.prefix + name
            if name == DOCUMENT_MANIFEST or key == self._lies_at:
                continue
            if name == EMBEDDINGS and document.document_id in self._embedded:
                continue
            self._objects.write_blocks(key, self._checked(file, told))
        self._store_judgements(keys)
        replaced = self._replaced(document, keys)
        self._store_manifest(document, keys, replaced)
        return json.dumps(sorted({*stored, *replaced})).encode()

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Ask for connections to be looked for, where that is wanted."""
        files = sum(len(json.loads(payload)) for _, payload in parts)
        with_chunks = [one for one in self._changed if self._planned[one].chunk_count]
        jobs = self._request(with_chunks) if self._request else {}
        facts: dict[str, Any] = {
            **self._applied,
            "files": files,
            "jobs": {str(document): str(job) for document, job in jobs.items()},
        }
        return StageOutput({}, facts)

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """Says so if the chunks of a document are not stored."""
        return [
            f"the files of document {one} are gone"
            for one in self._changed
            if CHUNKS in self._documents[one].files
            and self._objects.info(DocumentKeys(self._keys.user_id, one).chunks) is None
        ]

    def _checked(self, file: ListedFile, told: Told) -> Iterator[bytes]:
        """The bytes of a file; at the end, an error if they are not those that were read."""
        digest = hashlib.sha256()
        for block in self._bundle.blocks(file):
            digest.update(block)
            told(len(block))
            yield block
        if digest.hexdigest() != file.hash:
            raise RefusedArchiveError(f"{file.path[:200]!a} has changed since it was read")

    def _replaced(self, document: BundledDocument, keys: DocumentKeys) -> dict[str, StoredOutput]:
        """The files that the document's manifest may not know as they are; vectors made here."""
        found = {}
        if CHUNKS in document.files:
            chunks = document.files[CHUNKS]
            found[CHUNKS] = StoredOutput(path=keys.chunks, size=chunks.size, hash=chunks.hash)
        if document.document_id in self._embedded:
            made = vectors_key(self._keys, document.document_id)
            with self._objects.local_copy(made) as path:
                self._objects.write_file(keys.embeddings, path)
                found[EMBEDDINGS] = described(keys.embeddings, path)
        return found

    def _store_judgements(self, keys: DocumentKeys) -> None:
        """Keep what a person has judged and the new text has no place for: in a file beside it."""
        lost = self._judged_lost.get(keys.document_id)
        if lost:
            name = f"validated-connections-{self._asked_at:%Y-%m-%dT%H-%M-%SZ}.json"
            envelope = {"version": "1.0", "document_id": str(keys.document_id)}
            self._objects.write(keys.file(name), canonical_json({**envelope, "connections": lost}))

    def _store_manifest(
        self, document: BundledDocument, keys: DocumentKeys, replaced: Mapping[str, StoredOutput]
    ) -> None:
        """The document's own manifest, true of the files that lie there now."""
        fields = self._manifest(document, keys)
        if fields is None:
            return
        files = fields.get("files")
        listed = files if isinstance(files, dict) else {}
        for name, output in replaced.items():
            known = listed.get(MANIFEST_NAMES[name])
            if not isinstance(known, dict) or known.get("hash") != output.hash:
                with_other_file(
                    fields, MANIFEST_NAMES[name], output.path, output, INVALID_WITHOUT[name]
                )
        self._record_stages(fields, document, keys, replaced)
        self._objects.write(keys.manifest, manifest_bytes(fields))

    def _record_stages(
        self,
        fields: Fields,
        document: BundledDocument,
        keys: DocumentKeys,
        replaced: Mapping[str, StoredOutput],
    ) -> None:
        """Connections are looked for on the grounds of what was imported, whoever made it."""
        stages = fields.setdefault("stages", {})
        if not isinstance(stages, dict) or not self._planned[document.document_id].chunk_count:
            return
        stored = {
            name: StoredOutput(path=keys.prefix + name, size=file.size, hash=file.hash)
            for name, file in document.files.items()
        }
        stored.update(replaced)
        for stage, outputs, facts in self._results(document.document_id):
            found = {name: stored[name] for name in outputs if name in stored}
            if found and stage not in stages:
                stages[stage] = imported_record(keys, stage, found, facts, self._asked_at)
                list_files(fields, found)

    def _results(self, document_id: UUID) -> Iterator[tuple[str, Sequence[str], Facts]]:
        """Stage, names of its files, and what later stages need to know of them."""
        count = self._planned[document_id].chunk_count
        yield "extraction", (CONTENT, METADATA), {}
        yield "chunking", (CHUNKS,), {"chunk_count": count, "processing_mode": "local"}
        space = self._applied["spaces"].get(str(document_id))
        if space is not None:
            model, dimensions = space
            told = {"model": model, "dimensions": dimensions, "chunk_count": count}
            digest = self._applied["digests"][str(document_id)]
            yield "embeddings", (EMBEDDINGS,), {**told, "digest": digest}

    def _manifest(self, document: BundledDocument, keys: DocumentKeys) -> Fields | None:
        file = document.files.get(DOCUMENT_MANIFEST)
        try:
            if file is None:
                return read_manifest(self._objects.read(keys.manifest))
            if file.size > MAX_MANIFEST:
                return None
            with (
                tempfile.TemporaryDirectory(prefix="rhizome-import-") as scratch,
                self._bundle.extracted(file, Path(scratch)) as path,
            ):
                fields = read_manifest(path.read_bytes())
            made_at_home(fields, keys)
        except ObjectMissingError:
            count = self._planned[document.document_id].chunk_count
            return new_manifest(keys, self._asked_at, count) if count else None
        except InvalidInputError:
            return None  # another program's; what it says cannot be made true
        return fields
