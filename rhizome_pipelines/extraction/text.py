"""Plain text (`txt`) and pasted text (`paste`) to markdown."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TextIO

from rhizome_pipelines.extraction.blocks import read_pieces
from rhizome_pipelines.extraction.config import TextConfig
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.local_file import local_file
from rhizome_pipelines.extraction.prose import to_markdown, wrap_width
from rhizome_pipelines.extraction.source_text import (
    TEXT_UNIT,
    TextSurvey,
    open_source_text,
    survey_encoding,
)
from rhizome_pipelines.stages.stage import Pulse, Unit


class TextExtractor:
    """Implements `Extractor` for text that is not markdown (though it may look like it)."""

    version = "1"

    def __init__(self, config: TextConfig) -> None:
        self._config = config

    def dependencies(self) -> Mapping[str, str]:
        return {"charset-normalizer": library_version("charset-normalizer")}

    def units(self, source: Source) -> Sequence[Unit]:
        if source.text is None:
            local_file(source, self._config.max_bytes)
        return [TEXT_UNIT]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        encoding = survey_encoding(source, self._config.max_bytes)
        with open_source_text(source, encoding.codec) as text:
            width = wrap_width(read_pieces(text))
        return TextSurvey(encoding.codec, encoding.notes, width).to_json()

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        survey = TextSurvey.from_parts(parts)
        with open_source_text(source, survey.codec) as text:
            for piece in to_markdown(read_pieces(text), survey.wrap_width):
                content.write(piece)
        return Extracted(title=None, author=None, page_count=None, notes=survey.notes)
