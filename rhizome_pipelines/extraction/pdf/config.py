"""Limits of PDF extraction."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class PdfConfig:
    """How much one PDF may cost. Times are seconds of wall clock, sizes are bytes."""

    max_pages: int = 20_000
    window: int = 16
    """Pages in one unit. The text depends on it, because layout is judged within a window."""
    open_timeout: float = 60.0
    window_timeout: float = 120.0
    page_timeout: float = 20.0
    max_timeouts: int = 20
    """Pages that may run out of time before the document is given up."""
    memory_limit: int = 2048 * MEBIBYTE
    """Address space of the reading process."""
    resident_limit: int = 512 * MEBIBYTE
    """The reading process is replaced by a fresh one once its resident memory exceeds this."""
    max_page_characters: int = 1_000_000
    """A page with more text than this is left out as unreadable."""

    def __post_init__(self) -> None:
        if min(self.max_pages, self.window, self.max_timeouts) < 1:
            raise ValueError("max_pages, window and max_timeouts must be at least 1")
        if min(self.open_timeout, self.window_timeout, self.page_timeout) <= 0:
            raise ValueError("timeouts must be greater than 0")
