"""A folder of the local disk that anybody may have filled, as an import walks it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rhizome_pipelines.lifecycle.errors import InvalidInputError

_SHOWN = 200
"""Characters of a name in a sentence."""


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative name and path of every file below, sorted; links are passed over.

    Raises InvalidInputError for what cannot go into an archive: a pipe, a socket or a device, and
    a name that is no UTF-8.
    """
    found = []
    for at, _, names in os.walk(folder):
        for name in names:
            path = Path(at) / name
            if is_file(path):
                found.append((_in_unicode(path.relative_to(folder).as_posix()), path))
    yield from sorted(found)


def is_file(path: Path) -> bool:
    """Whether there is a file of bytes, and no link to one.

    Raises InvalidInputError for what would make its reader wait, or give it bytes without end.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
        raise InvalidInputError(
            f"{str(path)[-_SHOWN:]!a} is a pipe, a socket or a device, not a file; remove it, "
            "then import again."
        )
    return stat.S_ISREG(mode)


def _in_unicode(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(
            f"The name of the file {name[-_SHOWN:]!a} is not in UTF-8; rename it, then import "
            "again."
        ) from None
    return name
