"""What extraction may be told: limits and thresholds, frozen, with working defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhizome_pipelines.extraction.pdf.config import PdfConfig

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class TextConfig:
    """Limits of plain text and markdown files."""

    max_bytes: int = 200 * MEBIBYTE


@dataclass(frozen=True)
class EpubConfig:
    """Limits of an EPUB archive; `max_ratio` is unpacked over packed size of one entry.

    Deflate cannot do better than about 1032:1; markup rarely passes 20:1.
    """

    max_file_bytes: int = 500 * MEBIBYTE
    max_entries: int = 20_000
    max_document_bytes: int = 12 * MEBIBYTE
    max_text_bytes: int = 300 * MEBIBYTE
    max_ratio: int = 200
    unit_bytes: int = 512 * 1024
    """A unit is a run of documents of the spine with about so many unpacked bytes."""


@dataclass(frozen=True)
class WebConfig:
    """How pages are fetched. Times are in seconds."""

    max_bytes: int = 20 * MEBIBYTE
    """Of the body as it is after decompression."""
    max_redirects: int = 5
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    total_timeout: float = 60.0
    allowed_ports: frozenset[int] = frozenset({80, 443, 8000, 8008, 8080, 8443})
    allow_private_addresses: bool = False
    """For tests and for pages of one's own network; also lifts the rule on ports."""
    user_agent: str = "RhizomePipelines/0.1 (document import; fetches one page at a user's request)"
    min_kept_share: float = 0.3
    """If the main-text search keeps less of the visible text than this, the whole page is taken."""


@dataclass(frozen=True)
class YouTubeConfig:
    """`languages` (BCP 47, best first) chooses among transcripts; otherwise the video's own."""

    languages: tuple[str, ...] = ()
    section_seconds: int = 60
    """A paragraph of a transcript is about so long; each begins with a link to its moment."""


@dataclass(frozen=True)
class ExtractionConfig:
    """All of extraction. `language_confidence` is the probability needed to name a language."""

    text: TextConfig = field(default_factory=TextConfig)
    epub: EpubConfig = field(default_factory=EpubConfig)
    web: WebConfig = field(default_factory=WebConfig)
    youtube: YouTubeConfig = field(default_factory=YouTubeConfig)
    pdf: PdfConfig | None = None
    language_confidence: float = 0.7
