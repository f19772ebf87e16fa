"""Other converters, in a virtual environment of their own, installed when first needed."""

import sys
from pathlib import Path

from benchmarks.workshop import CannotMeasureError, Workshop, run, say

REQUIREMENTS = {
    "liteparse": "liteparse",
    "kreuzberg": "kreuzberg",
    "xberg": "xberg",
    "markitdown": "markitdown[pdf]",
}


def python_of_competitors(workshop: Workshop) -> Path:
    """Their interpreter. Raises CannotMeasureError if the package index cannot be reached."""
    folder = workshop.cache / "competitors"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.is_file():
        return python
    say("Installing the converters that ours is compared with …")
    try:
        run([sys.executable, "-m", "venv", folder])
        pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([python, *pip, *REQUIREMENTS.values()])
    except CannotMeasureError as error:
        raise CannotMeasureError(
            f"The other converters come from the package index, which gave none. {error}"
        ) from error
    complete.touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """Installed version of each converter."""
    ask = "import importlib.metadata, sys; print(*map(importlib.metadata.version, sys.argv[1:]))"
    found = run([python, "-c", ask, *REQUIREMENTS]).stdout.split()
    return dict(zip(REQUIREMENTS, found, strict=True))
