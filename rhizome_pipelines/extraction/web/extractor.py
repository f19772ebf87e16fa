"""The extractor of web pages: one unit fetches, putting together converts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TextIO

from rhizome_pipelines.extraction.config import WebConfig
from rhizome_pipelines.extraction.decoding import decode
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.html_encoding import decode_page
from rhizome_pipelines.extraction.local_file import local_file
from rhizome_pipelines.extraction.web.fetch import FetchedPage, PageFetcher
from rhizome_pipelines.extraction.web.page import read_page
from rhizome_pipelines.extraction.web.paywall import is_marked_as_paid
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PaywallError
from rhizome_pipelines.stages.stage import Pulse, Unit

FETCH = Unit(key="fetch", label="page")
_LIBRARIES = ("trafilatura", "html-to-markdown", "lxml", "charset-normalizer")
_PLAIN = {"text/plain": "source.txt", "text/markdown": "source.md", "text/x-markdown": "source.md"}
_TEASER = 2_000
"""Code points; of a page that says it is not free and has less than this, the rest is missing."""


class WebExtractor:
    """Implements `Extractor` for an address, or for a saved HTML file (nothing is fetched then).

    The unit's result is the page as it came: what was fetched is converted again without being
    fetched again.
    """

    version = "1"

    def __init__(self, config: WebConfig, fetcher: PageFetcher | None = None) -> None:
        self._config = config
        self._fetcher = fetcher or PageFetcher(config)

    def dependencies(self) -> Mapping[str, str]:
        libraries = {name: library_version(name) for name in _LIBRARIES}
        return {**libraries, "min_kept_share": str(self._config.min_kept_share)}

    def units(self, source: Source) -> Sequence[Unit]:
        if source.path is not None:
            local_file(source, self._config.max_bytes)
        elif not source.url:
            raise InvalidInputError("The document has no web address. Add it again with one.")
        return [FETCH]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        if source.path is not None:
            body = local_file(source, self._config.max_bytes).read_bytes()
            return _to_bytes(FetchedPage(source.url or "", "text/html", None, body))
        limit = self._config.max_bytes
        page = self._fetcher.fetch(
            source.url or "", lambda size: pulse(size / limit, f"{size // 1000:,} kB")
        )
        return _to_bytes(page)

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        ((_, data),) = parts
        page = _from_bytes(data)
        kept = {} if source.path is not None else _keep(page, scratch)
        if page.content_type in _PLAIN:
            text, encoding = decode(page.body, "The page")
            content.write(text)
            return Extracted(None, None, None, files=kept, notes=encoding.notes)
        html = decode_page(page.body, page.charset)
        result = read_page(html, page.url or None, self._config.min_kept_share)
        notes = [*result.notes]
        if is_marked_as_paid(page.body):
            if len(result.markdown) < _TEASER:
                raise PaywallError(
                    "The page says of itself that its text is not free, and shows only its "
                    "beginning. Open it in your browser, save or copy its text, and add that."
                )
            notes.append("The page says that it is not free: its text may be incomplete.")
        if page.url and page.url != source.url:
            notes.append(f"The address leads to {page.url[:500]}.")
        content.write(result.markdown)
        return Extracted(
            title=result.title,
            author=result.author,
            page_count=None,
            files=kept,
            language=result.language,
            notes=notes,
        )


def _keep(page: FetchedPage, scratch: Path) -> Mapping[str, Path]:
    name = _PLAIN.get(page.content_type, "source.html")
    path = scratch / name
    path.write_bytes(page.body)
    return {name: path}


def _to_bytes(page: FetchedPage) -> bytes:
    """A line of JSON, then the body."""
    head = {"url": page.url, "content_type": page.content_type, "charset": page.charset}
    return json.dumps(head, sort_keys=True).encode() + b"\n" + page.body


def _from_bytes(data: bytes) -> FetchedPage:
    head, _, body = data.partition(b"\n")
    known = json.loads(head)
    return FetchedPage(known["url"], known["content_type"], known["charset"], body)
