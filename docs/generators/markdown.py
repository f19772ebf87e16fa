"""Markdown as the generated documents write it."""

from collections.abc import Sequence

NOTICE = "<!-- Made by docs/generate.py from the code. Do not edit: change the code and run it. -->"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; `|` and line breaks inside of cells are made harmless."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def joined(*blocks: str) -> str:
    """Blocks with an empty line between them, and one line break at the end."""
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
