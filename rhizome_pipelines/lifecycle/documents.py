"""What a document is to the job system: the words of the `documents` table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class SourceType(StrEnum):
    """`documents.source_type`."""

    PDF = "pdf"
    EPUB = "epub"
    YOUTUBE = "youtube"
    WEB_URL = "web_url"
    MARKDOWN_ASIS = "markdown_asis"
    MARKDOWN_CLEAN = "markdown_clean"
    TXT = "txt"
    PASTE = "paste"

    @classmethod
    def parse(cls, word: object) -> "SourceType | None":
        """The type of that name; None for no name, and for one that is not known here."""
        return cls(word) if isinstance(word, str) and word in list(cls) else None


class DocumentStatus(StrEnum):
    """`documents.processing_status`, as far as this project writes it."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    AWAITING_REVIEW = "awaiting_manual_review"


PLACEHOLDER_TITLES = ("", "untitled", "untitled document", "processing...", "processing…")
"""What clients write while a title is not known yet; compared in lower case."""


@dataclass(frozen=True)
class Document:
    """One row of `documents`, the columns that stages read.

    `source_type` is None where the row names none that is known here.
    """

    id: UUID
    user_id: UUID
    title: str | None
    author: str | None
    source_type: SourceType | None
    storage_path: str | None
    source_url: str | None
    processing_status: str
    created_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source_metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known_title(self) -> str | None:
        """The title, unless it only holds the place of one."""
        placeholder = (self.title or "").strip().lower() in PLACEHOLDER_TITLES
        return None if placeholder else self.title
