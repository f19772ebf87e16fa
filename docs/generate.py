"""Write the documents that are made from the code, or check that they are fresh.

    python docs/generate.py            write docs/settings.md, docs/cli.md, docs/states.md
    python docs/generate.py --check    write nothing; exit 1 and name what is stale

The same code gives the same bytes, whatever the machine, the environment or the terminal.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from generators import command_line, settings, states

DOCS = Path(__file__).resolve().parent

DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "settings.md": settings.document,
    "cli.md": command_line.document,
    "states.md": states.document,
}


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    stale = [name for name, make in DOCUMENTS.items() if _current(name) != make()]
    if not arguments:
        for name in stale:
            (DOCS / name).write_text(DOCUMENTS[name](), encoding="utf-8")
            sys.stdout.write(f"docs/{name} written\n")
        return 0
    for name in stale:
        sys.stderr.write(f"docs/{name} is stale: run `python docs/generate.py`.\n")
    return 1 if stale else 0


def _current(name: str) -> str | None:
    path = DOCS / name
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
