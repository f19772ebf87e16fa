"""Tokens of the default embedding model: counting them, and cutting by them.

The tokenizer is the one that comes in the wordllama wheel (Llama 2's vocabulary), read from
its file; wordllama itself is not imported, because that loads much more.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer

from rhizome_pipelines.lifecycle.errors import PermanentError

_BLOCK = 8_192
_TOKENIZER_FILE = "tokenizers/l2_supercat_tokenizer_config.json"


def tokenizer_path() -> Path:
    """Where the tokenizer's file is installed. Raises PermanentError if it is not."""
    spec = find_spec("wordllama")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / _TOKENIZER_FILE
        if path.is_file():
            return path
    raise PermanentError(
        "The tokenizer of the default embedding model is missing; reinstall the wordllama package."
    )


@cache
def default_tokenizer() -> Tokenizer:
    """The default model's tokenizer, read once. Raises PermanentError if its file is missing."""
    tokenizer = Tokenizer.from_file(str(tokenizer_path()))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Tokens of each text, without special tokens."""
    encoded = default_tokenizer().encode_batch_fast(list(texts), add_special_tokens=False)
    return [len(encoding) for encoding in encoded]


def cut_by_tokens(text: str, target: int) -> Iterator[int]:
    """Offsets (code points) at which `text` falls into runs of at most `target` tokens.

    A cut is put before a word where the last quarter of the run has a word's beginning.
    """
    starts = _token_starts(text)
    first = 0
    while len(starts) - first > target:
        last = first + target
        for candidate in range(last, last - target // 4, -1):
            start = starts[candidate]
            if text[start].isspace() or (start and text[start - 1].isspace()):
                last = candidate
                break
        while last > first + 1 and starts[last] == starts[last - 1]:
            last -= 1  # several byte tokens of one character
        if starts[last] > starts[first]:
            yield starts[last]
            first = last
        else:
            first += target


def _token_starts(text: str) -> "array[int]":
    """Where each token begins. Read in blocks: the tokenizer's memory grows with its input."""
    starts = array("L")
    begin = 0
    while begin < len(text):
        end = _block_end(text, begin)
        encoding = default_tokenizer().encode(text[begin:end], add_special_tokens=False)
        starts.extend(begin + start for start, _ in encoding.offsets)
        begin = end
    return starts


def _block_end(text: str, begin: int) -> int:
    """Behind the last whitespace of the block, if there is any."""
    end = begin + _BLOCK
    if end >= len(text):
        return len(text)
    while end > begin and not text[end - 1].isspace():
        end -= 1
    return end if end > begin else begin + _BLOCK
