"""The stage `extraction`: an extractor's units, then `content.md` and `metadata.json`."""

import bisect
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from rhizome_pipelines.extraction.config import ExtractionConfig
from rhizome_pipelines.extraction.content import (
    MAX_OUTLINE,
    ContentSummary,
    summarise,
    write_content,
)
from rhizome_pipelines.extraction.extractor import Extracted, OutlineEntry, PageStart, Source
from rhizome_pipelines.extraction.language import detect_language
from rhizome_pipelines.extraction.metadata import ExtractionFacts, OutlineFact, PageFact
from rhizome_pipelines.extraction.registry import ExtractorRegistry
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.markdown.utf16 import utf16_offsets
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit

CONTENT = "content.md"
METADATA = "metadata.json"
_BLANK = "There is no text in this document; hand in one that says something."
_SCAN = (
    "No text was found in this document. If it consists of images (a scan), run text recognition "
    "(OCR) over it first, then add it again."
)
_NO_TEXT = {SourceType.PDF: _SCAN, SourceType.EPUB: _SCAN}
FACTS_OUTLINE = 200
"""Headings that the facts carry; `metadata.json` has all."""
_MAX_FIELD = 500
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


class ExtractionStage:
    """Implements `stages.stage.Stage`.

    Title and author are display data, told as they stand when the stage finishes: a person's
    (the row's) before the source's own. They are no dependency, so that a new title does not
    make the work to be done again. `processed_at` goes into `metadata.json` alone.

    Raises InvalidInputError when nothing can extract the source's type.
    """

    name: str = StageName.EXTRACTION
    version: str = "2"

    def __init__(
        self,
        source: Source,
        document: Document,
        registry: ExtractorRegistry,
        processed_at: datetime,
        config: ExtractionConfig | None = None,
    ) -> None:
        self._source = source
        self._document = document
        self._processed_at = processed_at
        self._config = config or ExtractionConfig()
        self._extractor = registry.extractor(source.source_type)

    def dependencies(self) -> Mapping[str, str]:
        """The source (its hash, its address), how it is extracted, and with what."""
        known = {
            "source_type": self._source.source_type.value,
            "extractor_version": self._extractor.version,
            "language_confidence": str(self._config.language_confidence),
            "py3langid": library_version("py3langid"),
            **{f"extractor.{key}": value for key, value in self._extractor.dependencies().items()},
        }
        content_hash = self._source.sha256 or _hash(self._source)
        if content_hash is not None:
            known["source_sha256"] = content_hash
        if self._source.url is not None:
            known["source_url"] = self._source.url
        return known

    def units(self) -> Sequence[Unit]:
        return self._extractor.units(self._source)

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        return self._extractor.work(self._source, unit, pulse)

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Write `content.md` and `metadata.json`; the facts are `_facts` below.

        Raises InvalidInputError when the result has no letter and no digit.
        """
        raw = scratch / "extracted.txt"
        # "replace": a lone surrogate from a broken source becomes one character, not a crash.
        with raw.open("w", encoding="utf-8", errors="replace", newline="") as sink:
            extracted = self._extractor.assemble(self._source, parts, sink, scratch)
        content = scratch / CONTENT
        offsets = write_content(raw, content, [page.offset for page in extracted.pages])
        raw.unlink()
        pages = [
            replace(page, offset=offset)
            for page, offset in zip(extracted.pages, offsets, strict=True)
        ]
        summary = summarise(content)
        if not summary.has_letters:
            raise InvalidInputError(_NO_TEXT.get(self._source.source_type, _BLANK))
        metadata = self._metadata(extracted, summary, pages, content)
        path = scratch / METADATA
        path.write_bytes(metadata.to_json())
        files = {**extracted.files, CONTENT: content, METADATA: path}
        return StageOutput(files=files, facts=_facts(metadata, extracted, summary))

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """None: everything that this stage makes is in its files."""
        return []

    def _metadata(
        self,
        extracted: Extracted,
        summary: ContentSummary,
        pages: Sequence[PageStart],
        content: Path,
    ) -> ExtractionFacts:
        outline = _with_pages(summary.outline, pages)
        places = [*(entry.offset for entry in outline), *(page.offset for page in pages)]
        units = utf16_offsets(content, places)
        notes = list(extracted.notes)
        if summary.outline_total > MAX_OUTLINE:
            notes.append(
                f"The outline has the first {MAX_OUTLINE} of {summary.outline_total} headings."
            )
        document, source = self._document, self._source
        return ExtractionFacts(
            document_id=document.id,
            title=_first(document.title, source.title, extracted.title, _heading(summary)),
            author=_first(document.author, source.author, extracted.author),
            source=source.source_type,
            word_count=summary.word_count,
            page_count=extracted.page_count,
            language=extracted.language
            or detect_language(summary.sample, self._config.language_confidence),
            created_at=document.created_at,
            processed_at=self._processed_at,
            source_url=source.url,
            character_count=summary.character_count,
            utf16_length=summary.utf16_length,
            outline=tuple(
                OutlineFact(
                    level=entry.level,
                    title=entry.title,
                    offset=entry.offset,
                    utf16_offset=units[entry.offset],
                    page=entry.page,
                )
                for entry in outline
            ),
            outline_total=summary.outline_total,
            pages=tuple(
                PageFact(page=page.page, offset=page.offset, utf16_offset=units[page.offset])
                for page in pages
            ),
            notes=tuple(notes),
        )


def _facts(
    metadata: ExtractionFacts, extracted: Extracted, summary: ContentSummary
) -> dict[str, Any]:
    """Small JSON values: `metadata.json` in short, with the source's own title and a preview.

    `pages` is how many page starts `metadata.json` knows, `outline` its first headings.
    """
    facts: dict[str, Any] = metadata.model_dump(
        mode="json",
        include={
            "title",
            "author",
            "language",
            "page_count",
            "word_count",
            "character_count",
            "utf16_length",
            "outline_total",
            "notes",
        },
    )
    outline = metadata.outline[:FACTS_OUTLINE]
    return {
        **facts,
        "source_title": _first(extracted.title),
        "source_author": _first(extracted.author),
        "outline": [entry.model_dump(mode="json") for entry in outline],
        "pages": len(metadata.pages),
        "preview": summary.preview,
    }


def _with_pages(
    outline: Sequence[OutlineEntry], pages: Sequence[PageStart]
) -> Sequence[OutlineEntry]:
    starts = [page.offset for page in pages]
    if not starts:
        return outline

    def located(entry: OutlineEntry) -> OutlineEntry:
        index = bisect.bisect_right(starts, entry.offset) - 1
        return replace(entry, page=pages[index].page) if index >= 0 else entry

    return [located(entry) for entry in outline]


def _heading(summary: ContentSummary) -> str | None:
    return next((entry.title for entry in summary.outline[:20] if entry.level == 1), None)


def _first(*candidates: str | None) -> str | None:
    for candidate in candidates:
        text = " ".join(_CONTROL.sub(" ", candidate or "").split())[:_MAX_FIELD]
        if text:
            return text
    return None


def _hash(source: Source) -> str | None:
    if source.text is not None:
        return hashlib.sha256(source.text.encode("utf-8", "surrogatepass")).hexdigest()
    if source.path is not None:
        with source.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return None
