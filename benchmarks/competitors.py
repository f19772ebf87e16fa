"""Other libraries, in virtual environments of their own, installed when first needed."""

import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.workshop import CannotMeasureError, Workshop, run, say

REQUIREMENTS = {
    "liteparse": "liteparse",
    "kreuzberg": "kreuzberg",
    "xberg": "xberg",
    "markitdown": "markitdown[pdf]",
}
"""Converters."""

PEERS = {
    "cocoindex": "cocoindex[postgres]==1.0.26",
    "llama-index-core": "llama-index-core==0.14.25",
    "llama-index-vector-stores-postgres": "llama-index-vector-stores-postgres==0.9.0",
}
"""Libraries that bring a folder into pgvector."""


def python_of_competitors(workshop: Workshop) -> Path:
    """The converters' interpreter. Raises CannotMeasureError if the index cannot be reached."""
    return _environment(workshop, "competitors", REQUIREMENTS)


def python_of_peers(workshop: Workshop) -> Path:
    """The interpreter of `PEERS`. Raises CannotMeasureError if the index cannot be reached."""
    return _environment(workshop, "peers", PEERS)


def _environment(workshop: Workshop, name: str, requirements: Mapping[str, str]) -> Path:
    folder = workshop.cache / name
    python = folder / "bin" / "python"
    complete = folder / "complete"
    wanted = "\n".join(requirements.values())
    # An empty mark is of a time when what was wanted was not written down.
    if complete.is_file() and complete.read_text() in ("", wanted):
        return python
    say(f"Installing what ours is compared with: {', '.join(requirements)} …")
    try:
        run([sys.executable, "-m", "venv", "--clear", folder])
        pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([python, *pip, *requirements.values()])
    except CannotMeasureError as error:
        raise CannotMeasureError(
            f"What ours is compared with comes from the package index, which gave none. {error}"
        ) from error
    complete.write_text(wanted)
    return python


def versions(python: Path, requirements: Mapping[str, str] = REQUIREMENTS) -> dict[str, str]:
    """Installed version of each."""
    ask = "import importlib.metadata, sys; print(*map(importlib.metadata.version, sys.argv[1:]))"
    found = run([python, "-c", ask, *requirements]).stdout.split()
    return dict(zip(requirements, found, strict=True))
