"""The stage `reading`: every file of the bundle is held against what it claims to be.

A unit is a document. Nothing is changed; what the import will do with each document is decided
here, so that it stays decided however often the import is interrupted.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit
from rhizome_pipelines.transfer.bundle import Bundle, BundledDocument
from rhizome_pipelines.transfer.collecting import CHUNKS
from rhizome_pipelines.transfer.document_reader import DocumentReader, FoundDocument, StoredText
from rhizome_pipelines.transfer.inputs import ImportInput, ImportStrategy
from rhizome_pipelines.transfer.matching import Place, match_chunks
from rhizome_pipelines.transfer.plan import (
    NO_CHUNKS,
    Decision,
    Library,
    Plan,
    PlannedDocument,
    counted,
    decide,
)
from rhizome_pipelines.transfer.ports import DocumentFormats

MAX_FAULTS = 20
"""That are told in one message."""
_ROW_BYTES = 10_000


class ReadingStage:
    """Reads and validates one bundle."""

    VERSION: ClassVar[str] = "3"
    NAME: ClassVar[str] = "reading"

    def __init__(
        self,
        bundle: Bundle,
        wanted: ImportInput,
        library: Library,
        formats: DocumentFormats,
        stored_text: StoredText,
    ) -> None:
        self._bundle = bundle
        self._wanted = wanted
        self._library = library
        self._formats = formats
        self._stored_text = stored_text
        self._documents = {_key(one.document_id): one for one in bundle.documents}

    @property
    def name(self) -> str:
        """`reading`."""
        return self.NAME

    @property
    def version(self) -> str:
        """`VERSION`."""
        return self.VERSION

    def dependencies(self) -> Mapping[str, str]:
        """The bundle's bytes and what is to be done with them."""
        return {
            "input:bundle": self._bundle.digest,
            "document": str(self._wanted.document_id or "all"),
            "strategy": self._wanted.strategy.value,
        }

    def units(self) -> Sequence[Unit]:
        """One for each document."""
        total = len(self._documents)
        return [
            Unit(
                key=key,
                label=document.title[:80] or str(document.document_id),
                weight=float(document.size + _ROW_BYTES),
                counters={"documents_done": number, "documents_total": total},
            )
            for number, (key, document) in enumerate(self._documents.items(), 1)
        ]

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """What was found in the document's files, faults included."""
        document = self._documents[unit.key]
        done = 0

        def told(size: int) -> None:
            nonlocal done
            done += size
            pulse(min(1.0, done / unit.weight), unit.label)

        with tempfile.TemporaryDirectory(prefix="rhizome-import-") as scratch:
            reader = DocumentReader(
                self._bundle, self._formats, self._stored_text, Path(scratch), told
            )
            return reader.read(document).model_dump_json().encode()

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Decide on each document. Raises InvalidInputError that tells the faults of all."""
        found = [FoundDocument.model_validate_json(payload) for _, payload in parts]
        faults = [f"document {one.document_id}: {fault}" for one in found for fault in one.faults]
        existing = self._library.existing([one.document_id for one in found])
        decided: dict[UUID, Decision] = {}
        for one in found:
            if one.faults:
                continue  # what could be said of it would only follow from them
            there = existing.get(one.document_id)
            try:
                decided[one.document_id] = decide(one, there, self._wanted.strategy)
            except InvalidInputError as error:
                faults.append(error.message.rstrip("."))
        if faults:
            raise InvalidInputError(_all_told(faults))
        plan = Plan(documents=tuple(self._planned(one, decided[one.document_id]) for one in found))
        return StageOutput({}, {"plan": plan.model_dump(mode="json")})

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """None: nothing was changed."""
        return []

    def _planned(self, found: FoundDocument, decision: Decision) -> PlannedDocument:
        told = found.model_dump(exclude={"faults", "complete"})
        stays = decision is Decision.SKIP and self._wanted.strategy is not ImportStrategy.SKIP
        planned = PlannedDocument(decision=decision, note=NO_CHUNKS if stays else "", **told)
        matching = None
        if decision in {Decision.REPLACE, Decision.MERGE}:
            here = self._places(self._documents[_key(found.document_id)])
            matching = match_chunks(self._library.places(found.document_id), here)
        return counted(planned, matching)

    def _places(self, document: BundledDocument) -> list[Place]:
        chunks = document.files.get(CHUNKS)
        if chunks is None:
            return []
        with (
            tempfile.TemporaryDirectory(prefix="rhizome-import-") as scratch,
            self._bundle.extracted(chunks, Path(scratch)) as path,
        ):
            return [
                Place.of(int(one["chunk_index"]), str(one["content"]))
                for one in self._formats.read_chunks(path)
            ]


def _key(document_id: UUID) -> str:
    return f"document-{document_id}"


def _all_told(faults: Sequence[str]) -> str:
    more = len(faults) - MAX_FAULTS
    told = [*faults[:MAX_FAULTS], *([f"and {more} more faults"] if more > 0 else [])]
    return f"Nothing was imported: {'; '.join(told)}."
