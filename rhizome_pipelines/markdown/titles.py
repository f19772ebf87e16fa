"""A heading's text as a person reads it."""

import re

MAX_TITLE = 300
"""Code points of a title."""

_HEADING_ID = re.compile(r"\s*\{#[^{}]*\}\s*$")
_IMAGE = re.compile(r"!\[([^\[\]]*)\]\([^()]*\)")
_LINK = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_EMPHASIS = re.compile(r"(?<!\\)(?:\*+|`+|~~|(?<!\w)_+|_+(?!\w))")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def plain_title(markdown: str) -> str:
    """A heading's text without inline markup and `{#id}`, on one line, at most MAX_TITLE long."""
    text = _HEADING_ID.sub("", markdown[: 4 * MAX_TITLE])
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _ESCAPE.sub(r"\1", _EMPHASIS.sub("", _TAG.sub("", text)))
    return " ".join(text.split())[:MAX_TITLE]
