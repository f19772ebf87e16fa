"""The words of a text: what is left of its markup, its terms and neighbouring pairs."""

import re
from collections import Counter
from dataclasses import dataclass

from rhizome_pipelines.chunking.lexicon import lexicon

_FENCED = re.compile(
    r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?:(?>[ \t]*\n|[ \t]*#.*\n|[ \t]*- .*\n|[ \t]+\S.*\n|[\w. -]+:(?:[ \t].*)?\n))*?"
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
"""YAML between two lines of dashes, as Jekyll and Obsidian have it at the beginning of a text."""
_MARKUP = re.compile(r"\]\([^()\s]*\)|\[[^\[\]\s]*\]:\s*\S+|<[^<>]{1,300}>|\b(?:https?|ftp)://\S+")
_TOKEN = re.compile(r"[^\W\d_](?:[\w'-]*\w)?|[.,;:!?()\[\]{}\"“”«»|/\\<>=+*`~#…。、！？]|\n\s*\n")
_UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
"""Scripts written without spaces between words (Chinese, Japanese)."""

_LONGEST_TERM = 30


@dataclass(frozen=True, slots=True)
class Terms:
    """`words` in order, lower case; `single` and `pairs` count what can be a keyphrase."""

    words: tuple[str, ...]
    single: Counter[str]
    pairs: Counter[str]


def prose(markdown: str) -> str:
    """The text without what nobody reads in it; all of it if none is left.

    That is front matter, code fences, comments, link targets, tags and addresses.
    """
    if markdown.startswith("---"):
        rest = _FRONT_MATTER.sub("", markdown)
        markdown = rest if any(map(str.isalpha, rest)) else markdown
    text = _FENCED.sub("\n\n", markdown) if "```" in markdown or "~~~" in markdown else markdown
    if "<!--" in text:
        text = _COMMENT.sub(" ", text)
    text = _MARKUP.sub(" ", text)
    return text if any(map(str.isalpha, text)) else markdown


def terms_of(text: str) -> Terms:
    """Content words, and pairs of them with nothing between (RAKE's candidates, cut to two)."""
    stopwords = lexicon().stopwords
    words: list[str] = []
    single: list[str] = []
    pairs: list[str] = []
    previous = ""
    for token in _tokens(text):
        if not token[0].isalpha():
            previous = ""
            continue
        words.append(token)
        if token in stopwords or not 2 < len(token) <= _LONGEST_TERM:
            # Pairs of Chinese characters are words as often as not.
            if len(token) == 2 and _UNSPACED.match(token):
                single.append(token)
            previous = ""
            continue
        single.append(token)
        if previous and previous != token:
            pairs.append(f"{previous} {token}")
        previous = token
    return Terms(tuple(words), Counter(single), Counter(pairs))


def _tokens(text: str) -> list[str]:
    found: list[str] = _TOKEN.findall(text.replace("’", "'").lower())
    if _UNSPACED.search(text) is None:
        return found
    return [part for token in found for part in _character_pairs(token)]


def _character_pairs(token: str) -> list[str]:
    """Neighbouring characters two by two where a script has no spaces; else the token itself."""
    if len(token) <= 2 or _UNSPACED.match(token) is None:
        return [token]
    return [token[start : start + 2] for start in range(len(token) - 1)]
