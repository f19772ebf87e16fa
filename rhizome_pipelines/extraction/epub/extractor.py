"""The extractor of EPUB books: units are runs of documents of the spine."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TextIO

from rhizome_pipelines.extraction.config import EpubConfig
from rhizome_pipelines.extraction.epub.archive import BookArchive, DamagedEntryError
from rhizome_pipelines.extraction.epub.chapter import Chapter, read_chapter
from rhizome_pipelines.extraction.epub.navigation import Navigation, read_navigation
from rhizome_pipelines.extraction.epub.package import BookPackage, read_package
from rhizome_pipelines.extraction.extractor import Extracted, PageStart, Source
from rhizome_pipelines.extraction.html import ConversionError
from rhizome_pipelines.extraction.html_encoding import decode_page
from rhizome_pipelines.extraction.local_file import local_file, refuse_larger
from rhizome_pipelines.stages.stage import Pulse, Unit

_LIBRARIES = ("lxml", "html-to-markdown")


@dataclass(frozen=True)
class _Book:
    package: BookPackage
    navigation: Navigation
    runs: Sequence[tuple[int, int]]
    """Half-open ranges of positions in the spine, one a unit."""


class EpubExtractor:
    """Implements `Extractor`. A book that is partly damaged is read as far as it goes, with notes.

    Raises InvalidInputError for what is no EPUB or is hostile, PermanentError for DRM.
    """

    version = "1"

    def __init__(self, config: EpubConfig) -> None:
        self._config = config
        self._known: tuple[Path, _Book] | None = None

    def dependencies(self) -> Mapping[str, str]:
        libraries = {name: library_version(name) for name in _LIBRARIES}
        return {**libraries, "unit_bytes": str(self._config.unit_bytes)}

    def units(self, source: Source) -> Sequence[Unit]:
        with self._open(source) as (archive, book):
            total = len(book.package.spine)
            return [
                Unit(
                    key=f"documents-{begin + 1:06d}-{end:06d}",
                    label=f"parts {begin + 1}–{end} of {total}",
                    weight=1.0 + sum(map(archive.size, book.package.spine[begin:end])) / 100_000,
                    counters={"parts_done": end, "parts_total": total},
                )
                for begin, end in book.runs
            ]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        begin, end = (int(number) for number in unit.key.split("-")[1:])
        chapters: list[Chapter] = []
        notes: list[str] = []
        with self._open(source) as (archive, book):
            names = book.package.spine[begin - 1 : end]
            for number, name in enumerate(names):
                try:
                    text = decode_page(archive.read(name), None)
                    chapters.append(read_chapter(text, name, book.navigation, book.package.spine))
                except (DamagedEntryError, ConversionError) as error:
                    notes.append(f"{error.message} It was left out.")
                pulse((number + 1) / len(names), f"part {begin + number}")
        result = {"chapters": [[c.markdown, c.pages] for c in chapters], "notes": notes}
        return json.dumps(result, ensure_ascii=False).encode("utf-8", "replace")

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        with self._open(source) as (_, book):
            package = book.package
        notes = list(package.notes)
        pages: list[PageStart] = []
        written = 0
        for _, part in parts:
            result = json.loads(part)
            notes.extend(result["notes"])
            for markdown, starts in result["chapters"]:
                for page, offset in starts:
                    if not pages or page > pages[-1].page:
                        pages.append(PageStart(page, written + offset))
                text = f"{markdown}\n\n"
                content.write(text)
                written += len(text)
        return Extracted(
            title=package.title,
            author=package.author,
            page_count=pages[-1].page if pages else None,
            pages=pages,
            language=package.language,
            notes=notes,
        )

    @contextmanager
    def _open(self, source: Source) -> Iterator[tuple[BookArchive, _Book]]:
        path = local_file(source, self._config.max_file_bytes)
        with BookArchive(path, self._config) as archive:
            if self._known is None or self._known[0] != path:
                self._known = (path, self._read(archive))
            yield archive, self._known[1]

    def _read(self, archive: BookArchive) -> _Book:
        package = read_package(archive)
        archive.refuse_encrypted(package.spine)
        total = sum(map(archive.size, package.spine))
        refuse_larger(total, self._config.max_text_bytes, "The book's text")
        navigation = read_navigation(archive, package.navigation)
        return _Book(package, navigation, list(self._runs(archive, package.spine)))

    def _runs(self, archive: BookArchive, spine: Sequence[str]) -> Iterator[tuple[int, int]]:
        begin = size = 0
        for position, name in enumerate(spine):
            if size and size + archive.size(name) > self._config.unit_bytes:
                yield begin, position
                begin, size = position, 0
            size += archive.size(name)
        yield begin, len(spine)
