"""Reading a window of pages in spite of crashes, hangs and exhausted memory.

A window that fails is read once more by a fresh process, then page by page; a page that fails is
read as plain text, and left out if that fails too.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rhizome_pipelines.extraction.pdf.config import PdfConfig
from rhizome_pipelines.extraction.pdf.reader import (
    Reader,
    ReaderDiedError,
    ReaderRefusedError,
    ReaderTimedOutError,
)
from rhizome_pipelines.lifecycle.errors import PermanentError

RawPage = Mapping[str, Any]
"""What the reading process tells of a page: `items` and `blocks`, or only `text`, or neither."""


class WindowReader:
    """Reads windows of one extractor's documents through one reading process."""

    def __init__(self, reader: Reader, config: PdfConfig) -> None:
        self._reader = reader
        self._config = config
        self._timeouts = 0

    def read(self, path: Path, first: int, last: int, tell: Callable[[int], None]) -> list[RawPage]:
        """The pages `first` to `last` (from 1, inclusive), each exactly once, in order.

        `tell(page)` is called while pages are read one by one. Raises PermanentError when too
        many pages have run out of time.
        """
        found = self._window(path, first, last)
        pages: list[RawPage] = []
        for number in range(first, last + 1):
            page = found.get(number)
            if page is None:
                tell(number)
                page = self._single(path, number, alone=first == last)
            pages.append(page)
        return pages

    def _window(self, path: Path, first: int, last: int) -> dict[int, RawPage]:
        for cut in (True, False):
            try:
                return self._parse(path, first, last, self._config.window_timeout, cut=cut)
            except ReaderDiedError as death:
                self._count(death)
            except ReaderRefusedError:
                return {}
        return {}

    def _single(self, path: Path, number: int, *, alone: bool) -> RawPage:
        if not alone:
            try:
                page = self._parse(path, number, number, self._config.page_timeout, cut=True)
            except ReaderDiedError as death:
                self._count(death)
            except ReaderRefusedError:
                pass
            else:
                if number in page:
                    return page[number]
        try:
            text = self._reader.ask(
                "plain",
                self._config.page_timeout,
                path=str(path),
                page=number,
                limit=self._config.max_page_characters,
            )
        except ReaderDiedError as death:
            self._count(death)
        except ReaderRefusedError:
            pass
        else:
            return {"page": number, **text}
        return {"page": number}

    def _parse(
        self, path: Path, first: int, last: int, timeout: float, *, cut: bool
    ) -> dict[int, RawPage]:
        answer = self._reader.ask(
            "parse",
            timeout,
            path=str(path),
            first=first,
            last=last,
            cut=cut,
            limit=self._config.max_page_characters,
        )
        return {page["page"]: page for page in answer["pages"]}

    def _count(self, death: ReaderDiedError) -> None:
        if not isinstance(death, ReaderTimedOutError):
            return
        self._timeouts += 1
        if self._timeouts > self._config.max_timeouts:
            raise PermanentError(
                "The PDF has too many pages that cannot be read in reasonable time; "
                "print it to a new PDF and try again."
            )
