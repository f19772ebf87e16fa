"""The local file of a source, checked before anything reads it."""

from pathlib import Path

from rhizome_pipelines.extraction.extractor import Source
from rhizome_pipelines.lifecycle.errors import InvalidInputError

MEGABYTE = 1_000_000


def local_file(source: Source, max_bytes: int) -> Path:
    """The source's file. Raises InvalidInputError if it is missing, empty or too large."""
    path = source.path
    if path is None or not path.is_file():
        raise InvalidInputError(
            "The document's file is missing. Add the document again with its file."
        )
    size = path.stat().st_size
    if size == 0:
        raise InvalidInputError("The document's file is empty; there is nothing to process.")
    refuse_larger(size, max_bytes, "The document's file")
    return path


def refuse_larger(size: int, max_bytes: int, what: str) -> None:
    """Raises InvalidInputError if `size` (bytes) is over `max_bytes`."""
    if size > max_bytes:
        raise InvalidInputError(
            f"{what} has {size / MEGABYTE:,.0f} MB; the limit is {max_bytes / MEGABYTE:,.0f} MB. "
            "Split it, or raise the limit in the settings."
        )
