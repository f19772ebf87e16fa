"""The port of extraction: what a source is, and what an extractor of one source type does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO
from uuid import UUID

from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.stages.stage import Pulse, Unit


@dataclass(frozen=True)
class Source:
    """A document's source as it was handed in.

    `path` is a local, read-only file for file types; `url` for web pages and videos; `text`
    for what was pasted (also a pasted transcript of a video). `sha256` is of the file's or
    text's bytes; None where the content is yet to be fetched.
    """

    document_id: UUID
    source_type: SourceType
    path: Path | None = None
    url: str | None = None
    text: str | None = None
    sha256: str | None = None
    title: str | None = None
    author: str | None = None
    file_name: str | None = None
    """What the file was called when it was handed in; messages for people use it."""


@dataclass(frozen=True)
class OutlineEntry:
    """A heading: its level 1–6, text, offset in code points of `content.md`, page if known."""

    level: int
    title: str
    offset: int
    page: int | None = None


@dataclass(frozen=True)
class PageStart:
    """Where a page begins: its number from 1, and the offset in code points of `content.md`."""

    page: int
    offset: int


@dataclass(frozen=True)
class Extracted:
    """What is known of the text besides the text."""

    title: str | None
    author: str | None
    page_count: int | None
    pages: Sequence[PageStart] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    """Further files to keep beside `content.md`, such as the fetched `source.html`."""
    language: str | None = None
    """Only where the source itself tells (BCP 47); otherwise it is detected from the text."""
    notes: Sequence[str] = ()
    """Sentences for a person about what was odd and how it was dealt with."""


class Extractor(Protocol):
    """Turns one kind of source into markdown, in absolute units."""

    @property
    def version(self) -> str:
        """Changed whenever the output would change."""

    def dependencies(self) -> Mapping[str, str]:
        """Libraries with their versions, and settings, that the output depends on."""

    def units(self, source: Source) -> Sequence[Unit]:
        """The whole work, in order. Raises InvalidInputError for what cannot be read at all."""

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        """Extract one unit."""

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        """Write the markdown to `content`, piece by piece, and tell what is known of it.

        Raises InvalidInputError or PermanentError when there is no text in it.
        """
