"""The text that is embedded for a chunk."""

from collections.abc import Mapping
from typing import Any


def embedded_text(record: Mapping[str, Any]) -> str:
    """The chunk's heading path, a blank line, its content; empty if the content is blank.

    The headings say what a passage is about where its own words do not. The last one is left out
    if the content begins with it. `record` is a chunk as in `chunks.json`.
    """
    content = str(record.get("content") or "").strip()
    if not content:
        return ""
    headings = [str(title).strip() for title in record.get("heading_path") or ()]
    if headings and content.lstrip("# \t").startswith(headings[-1]):
        headings.pop()
    path = " > ".join(title for title in headings if title)
    text = f"{path}\n\n{content}" if path else content
    # A lone surrogate cannot be put into UTF-8, which every model's tokenizer reads.
    return text.encode("utf-8", "replace").decode("utf-8")
