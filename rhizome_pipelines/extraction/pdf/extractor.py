"""`PdfExtractor`: the extraction port for PDF files."""

import importlib.metadata
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.pdf.assembly import Assembly
from rhizome_pipelines.extraction.pdf.config import PdfConfig
from rhizome_pipelines.extraction.pdf.layout import page_from_raw
from rhizome_pipelines.extraction.pdf.metadata import sensible_author, sensible_title
from rhizome_pipelines.extraction.pdf.opening import count_pages
from rhizome_pipelines.extraction.pdf.outline import bookmarks
from rhizome_pipelines.extraction.pdf.page import Reading, encode_part
from rhizome_pipelines.extraction.pdf.reader import Reader, ReaderDiedError, ReaderRefusedError
from rhizome_pipelines.extraction.pdf.survey import Survey
from rhizome_pipelines.extraction.pdf.windows import WindowReader
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.stages.stage import Pulse, Unit

KEY = re.compile(r"pages-(\d{6,})-(\d{6,})")


class PdfExtractor:
    """Reads PDFs window by window in a process of its own, and writes them as markdown.

    Use as a context manager or call `close()`; the end of `assemble` and the garbage collector
    end the process, too. Not for use by two threads at once.
    """

    def __init__(self, config: PdfConfig | None = None, reader: Reader | None = None) -> None:
        self._config = config or PdfConfig()
        self._reader = reader or Reader(self._config)
        self._windows = WindowReader(self._reader, self._config)

    @property
    def version(self) -> str:
        return "1"

    def dependencies(self) -> Mapping[str, str]:
        return {
            "liteparse": importlib.metadata.version("liteparse"),
            "pypdfium2": importlib.metadata.version("pypdfium2"),
            "pdf_window": str(self._config.window),
            "pdf_max_page_characters": str(self._config.max_page_characters),
        }

    def units(self, source: Source) -> Sequence[Unit]:
        """Windows of pages, counted from page 1. Raises InvalidInputError or PermanentError."""
        total = count_pages(_path(source), _name(source), self._reader, self._config)
        return [
            _unit(first, min(first + self._config.window - 1, total), total)
            for first in range(1, total + 1, self._config.window)
        ]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        """JSON `{"pages": […]}`, as `page.encode_part` writes it."""
        match = KEY.fullmatch(unit.key)
        if match is None:
            raise ValueError(f"{unit.key!r} is no window of pages")
        first, last = int(match.group(1)), int(match.group(2))

        def tell(page: int) -> None:
            pulse((page - first) / (last - first + 1), f"page {page}, read singly")

        raw_pages = self._windows.read(_path(source), first, last, tell)
        return encode_part([page_from_raw(raw) for raw in raw_pages])

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        path = _path(source)
        try:
            described = self._describe(path)
        finally:
            self.close()
        survey = Survey(bookmarks(described["outline"]))
        assembly = Assembly(survey, scratch)
        assembly.gather(part for _, part in parts)
        _require_text(_name(source), survey)
        pages = assembly.write(content)
        metadata: Mapping[str, str] = described["metadata"]
        return Extracted(
            title=sensible_title(metadata.get("Title")) or sensible_title(assembly.title),
            author=sensible_author(metadata.get("Author")),
            page_count=len(pages),
            pages=pages,
            notes=_notes(survey),
        )

    def close(self) -> None:
        """End the reading process; it is started again when needed."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _describe(self, path: Path) -> dict[str, Any]:
        """Metadata and outline; nothing where they cannot be read: the text does without."""
        for _ in range(2):
            try:
                return self._reader.ask("describe", self._config.open_timeout, path=str(path))
            except ReaderDiedError:
                continue
            except ReaderRefusedError:
                break
        return {"metadata": {}, "outline": []}


def _path(source: Source) -> Path:
    if source.path is None:
        raise InvalidInputError("The document has no PDF file; hand in the file.")
    return source.path.absolute()


def _name(source: Source) -> str:
    """What a person calls the document."""
    if source.file_name or source.title:
        return f"“{source.file_name or source.title}”"
    return _path(source).name


def _unit(first: int, last: int, total: int) -> Unit:
    return Unit(
        key=f"pages-{first:06d}-{last:06d}",
        label=f"pages {first}–{last}" if first < last else f"page {first}",
        weight=float(last - first + 1),
        counters={"pages_done": last, "pages_total": total},
    )


def _require_text(name: str, survey: Survey) -> None:
    pages = len(survey.edges)
    if len(survey.pages_by_reading[Reading.FAILED]) == pages:
        raise PermanentError(
            f"No page of the PDF {name} could be read; print it to a new PDF and try again."
        )
    if len(survey.pages_without_text) == pages:
        raise InvalidInputError(
            f"The PDF {name} has no text layer (it may be a scan); "
            "run text recognition (OCR) on it first, then hand it in again."
        )


def _notes(survey: Survey) -> list[str]:
    notes = []
    failed = survey.pages_by_reading[Reading.FAILED]
    plain = survey.pages_by_reading[Reading.PLAIN]
    silent = [page for page in survey.pages_without_text if page not in set(failed)]
    if failed:
        notes.append(f"{_named(failed)} could not be read and left out.")
    if plain:
        notes.append(f"{_named(plain)} could only be read as plain text, without layout.")
    if len(silent) * 2 > len(survey.edges):
        notes.append(
            f"{len(silent):,} of {len(survey.edges):,} pages have no text (they may be scans); "
            "run text recognition (OCR) on the PDF to get their text."
        )
    return notes


def _named(pages: Sequence[int]) -> str:
    """`Page 3`, `Pages 2, 4–7`."""
    ranges: list[list[int]] = []
    for page in pages:
        if ranges and ranges[-1][1] == page - 1:
            ranges[-1][1] = page
        else:
            ranges.append([page, page])
    names = ", ".join(f"{a}–{b}" if a < b else str(a) for a, b in ranges)
    return f"Page {names}" if len(pages) == 1 else f"Pages {names}"
