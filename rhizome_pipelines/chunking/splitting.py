"""Strategies: where one section's text is cut into pieces that are no longer than allowed."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from rhizome_pipelines.chunking.config import ChunkingConfig, Strategy
from rhizome_pipelines.chunking.tokens import cut_by_tokens

Cuts = Callable[[str], Iterable[int]]
"""Offsets in code points, rising, inside the text: `cuts("ab cd") -> [3]`."""

_SENTENCE_END = re.compile(
    r"[.!?…]+[\"'”’»)\]*_]*\s+"  # Latin, Cyrillic, Greek …
    r"|[。！？｡]+[」』”’）]*\s*"  # Chinese and Japanese need no space
    r"|[।॥؟۔]+\s*"  # Devanagari, Arabic, Urdu
    r"|\n[ \t]*\n\s*"
)


def cuts_for(config: ChunkingConfig) -> Cuts:
    """The way of cutting that `config` asks for."""
    # Room is left so that a short last piece can join the one before it.
    room = config.max_characters - config.target_characters // 8
    size = (min(config.target_characters, room), room)
    strategy = config.chosen
    match strategy:
        case Strategy.HYBRID:
            markdown = MarkdownSplitter(size, trim=False)
            return lambda text: _inner_offsets(markdown.chunk_indices(text))
        case Strategy.RECURSIVE:
            plain = TextSplitter(size, trim=False)
            return lambda text: _inner_offsets(plain.chunk_indices(text))
        case Strategy.SENTENCE:
            fallback = TextSplitter(size, trim=False)
            return lambda text: _by_sentences(text, config, fallback)
        case Strategy.TOKEN:
            return lambda text: cut_by_tokens(text, config.target_tokens)
        case _:
            assert_never(strategy)


def _inner_offsets(pieces: Iterable[tuple[int, str]]) -> Iterator[int]:
    return (offset for offset, _ in pieces if offset)


def _by_sentences(text: str, config: ChunkingConfig, fallback: TextSplitter) -> Iterator[int]:
    """Whole sentences up to the target; a sentence longer than the maximum is cut inside."""
    begin = previous = 0
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    for end in [*ends, len(text)]:
        if end - begin > config.target_characters and previous > begin:
            yield previous
            begin = previous
        if end - begin > config.max_characters:
            for offset in _inner_offsets(fallback.chunk_indices(text[begin:end])):
                previous = begin + offset
                yield previous
            begin = previous
        previous = end
