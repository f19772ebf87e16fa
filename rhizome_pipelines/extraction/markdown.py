"""Markdown, as it is (`markdown_asis`) or cleaned (`markdown_clean`), without front matter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as library_version
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from rhizome_pipelines.extraction.blocks import read_pieces
from rhizome_pipelines.extraction.cleaning import clean_markdown, has_page_numbers
from rhizome_pipelines.extraction.config import TextConfig
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.local_file import local_file
from rhizome_pipelines.extraction.source_text import (
    TEXT_UNIT,
    TextSurvey,
    open_source_text,
    survey_encoding,
)
from rhizome_pipelines.stages.stage import Pulse, Unit

MAX_FRONT_MATTER = 64 * 1024
"""Code points; a longer block between `---` lines is text."""


@dataclass(frozen=True)
class FrontMatter:
    """What front matter says of the document; `note` tells what was wrong with it."""

    title: str | None = None
    author: str | None = None
    language: str | None = None
    note: str | None = None


class MarkdownExtractor:
    """Implements `Extractor`: the text itself, without front matter; repaired where `clean`."""

    version = "1"

    def __init__(self, config: TextConfig, *, clean: bool) -> None:
        self._config = config
        self._clean = clean

    def dependencies(self) -> Mapping[str, str]:
        libraries = ["charset-normalizer", "PyYAML"]
        if self._clean:
            libraries += ["html-to-markdown", "lxml"]
        return {name: library_version(name) for name in libraries}

    def units(self, source: Source) -> Sequence[Unit]:
        if source.text is None:
            local_file(source, self._config.max_bytes)
        return [TEXT_UNIT]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        encoding = survey_encoding(source, self._config.max_bytes)
        page_numbers = False
        if self._clean:
            with open_source_text(source, encoding.codec) as text:
                page_numbers = has_page_numbers(read_pieces(text))
        return TextSurvey(encoding.codec, encoding.notes, page_numbers=page_numbers).to_json()

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        survey = TextSurvey.from_parts(parts)
        with open_source_text(source, survey.codec) as text:
            front, pieces = split_front_matter(read_pieces(text))
            if self._clean:
                pieces = clean_markdown(pieces, page_numbers=survey.page_numbers)
            for piece in pieces:
                content.write(piece)
        notes = survey.notes if front.note is None else (*survey.notes, front.note)
        return Extracted(
            title=front.title,
            author=front.author,
            page_count=None,
            language=front.language,
            notes=notes,
        )


def split_front_matter(pieces: Iterator[str]) -> tuple[FrontMatter, Iterator[str]]:
    """Take a YAML block at the very beginning off the text.

    What is no mapping (or no YAML) stays text; it is never guessed at.
    """
    first = next(pieces, "")
    if first.lstrip("\ufeff").rstrip() != "---":
        return FrontMatter(), chain([first], pieces)
    held = [first]
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if piece.rstrip() in {"---", "..."}:
            front = _read_front_matter("".join(held[1:-1]))
            return front or FrontMatter(), pieces if front else chain(held, pieces)
        if size > MAX_FRONT_MATTER:
            break
    return FrontMatter(), chain(held, pieces)


def _read_front_matter(block: str) -> FrontMatter | None:
    # Aliases are what a YAML bomb is made of; front matter has no use for them.
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(block)):
            return FrontMatter(note="The front matter has YAML aliases and was not read.")
        values = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    return FrontMatter(
        title=_text(values, "title"),
        author=_text(values, "author", "authors", "creator"),
        language=_text(values, "lang", "language"),
    )


def _text(values: Mapping[Any, Any], *names: str) -> str | None:
    known = {str(key).lower(): value for key, value in values.items()}
    for name in names:
        value = known.get(name)
        if isinstance(value, list):
            value = ", ".join(str(item) for item in value if isinstance(item, str | int | float))
        if isinstance(value, str | int | float) and str(value).strip():
            return str(value).strip()
    return None
