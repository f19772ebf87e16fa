"""The text of a source, be it a file of unknown encoding or what was pasted, as a stream."""

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TextIO

from rhizome_pipelines.extraction.decoding import TextEncoding, detect_encoding
from rhizome_pipelines.extraction.extractor import Source
from rhizome_pipelines.extraction.local_file import local_file, refuse_larger
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import Unit

TEXT_UNIT = Unit(key="text", label="text")
"""Text is streamed from its source when it is put together: one unit says how to read it."""


@dataclass(frozen=True)
class TextSurvey:
    """What one pass over a text found, and how it is to be read.

    `codec` decodes it, `wrap_width` is where its lines are hard-wrapped, `page_numbers` tells
    whether lines with a bare number are those of pages.
    """

    codec: str
    notes: tuple[str, ...] = ()
    wrap_width: int | None = None
    page_numbers: bool = False

    def to_json(self) -> bytes:
        """As a unit's result."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_parts(cls, parts: Iterable[tuple[Unit, bytes]]) -> "TextSurvey":
        """From the parts of a document that has the single unit TEXT_UNIT."""
        ((_, data),) = parts
        known = json.loads(data)
        return cls(**{**known, "notes": tuple(known["notes"])})


def survey_encoding(source: Source, max_bytes: int) -> TextEncoding:
    """How to read the source's text. Raises InvalidInputError if it is missing, empty, binary."""
    if source.text is None:
        return detect_encoding(local_file(source, max_bytes))
    if not source.text.strip():
        raise InvalidInputError("The pasted text is empty; there is nothing to process.")
    refuse_larger(len(source.text), max_bytes, "The pasted text")
    notes = ("NUL characters were dropped.",) if "\x00" in source.text else ()
    return TextEncoding("utf-8", notes)


@contextmanager
def open_source_text(source: Source, codec: str) -> Iterator[TextIO]:
    r"""Read the source's text; every line end is "\n", what cannot be decoded is U+FFFD."""
    if source.text is not None:
        yield io.StringIO(source.text, newline=None)
        return
    if source.path is None:
        raise InvalidInputError("The document's file is missing.")
    with source.path.open(encoding=codec, errors="replace", newline=None) as stream:
        yield stream
