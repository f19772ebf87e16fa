"""Counting words in any script."""

import re

# Marks that `\w` does not know are part of words: combining accents, and the vowel signs of the
# Indic, Thai, Tibetan, Myanmar and Khmer blocks.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0900-\u0963\u0966-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ecd"
    "\u0f18-\u0f39\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
# Han with its extensions, Hiragana, Katakana: scripts written without spaces.
_CJK = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_LETTER = rf"(?:(?![{_CJK}])[^\W_]|[{_MARKS}])"
_WORD = re.compile(rf"[{_CJK}]|{_LETTER}+(?:['’\-]{_LETTER}+)*")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['\-][A-Za-z0-9]+)*")


def count_words(text: str) -> int:
    """Words of `text`.

    A word is a run of letters, marks and digits, held together by apostrophes and hyphens
    (`don't`, `well-known`). Each Han, Hiragana and Katakana character counts as one word;
    Hangul is written with spaces and counts by them. Scripts that write no spaces but are not
    CJK (Thai, Lao, Khmer, Myanmar) count by run.
    """
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return len(pattern.findall(text))
