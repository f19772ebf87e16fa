"""Link reference definitions, after CommonMark 0.31, section 4.7."""

import re
from collections.abc import Sequence

# A title is bounded, so that many that never end cost no more than their length.
_TITLE = r""""(?:[^"\\]|\\.){0,999}"|'(?:[^'\\]|\\.){0,999}'|\((?:[^()\\]|\\.){0,999}\)"""
_DEFINITION = re.compile(
    r"\[(?=[ \n]*[^\s\]])(?:[^\[\]\\]|\\.){1,999}\]:[ \t]*\n?[ \t]*"
    r"(?:<[^<>\n]*>|[^\s<]\S*)"
    rf"(?:(?:[ \t]+\n?|\n)[ \t]*(?:{_TITLE})[ \t]*(?:\n|$)|[ \t]*(?:\n|$))",
    re.DOTALL,
)


def definition_lines(paragraph: Sequence[str]) -> int:
    """How many of a paragraph's first lines are definitions, which are no text of it."""
    if not paragraph[0].lstrip(" \t").startswith("["):
        return 0
    text = "\n".join(line.strip() for line in paragraph)
    end = lines = 0
    while found := _DEFINITION.match(text, end):
        end = found.end()
        lines += found[0].rstrip("\n").count("\n") + 1
    return lines
