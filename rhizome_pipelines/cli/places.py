"""Where a person wants a file written: only where nothing is, or over a file that is given up."""

import os
import stat
from pathlib import Path

from rhizome_pipelines.lifecycle.errors import InvalidInputError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def refuse_place(place: Path, *, force: bool) -> None:
    """Raise InvalidInputError if no file is to be written there. `force` gives up a file.

    What is written is moved into its place, so that anything but a regular file would be replaced
    by one; a link is refused too, since its target is what was meant, and would stay as it was.
    """
    if str(place) == "-":
        raise InvalidInputError(
            "An archive cannot be written to standard output; name a file, as in -o library.zip."
        )
    folder = place.absolute().parent
    try:
        if not folder.is_dir():
            raise InvalidInputError(f"There is no folder {str(folder)!r}.")
        mode = place.lstat().st_mode
    except FileNotFoundError:
        return _refuse_folder(folder)
    except OSError as error:
        raise InvalidInputError(f"{str(place)!r} cannot be written: {error.strerror}.") from None
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
        raise InvalidInputError(f"{str(place)!r} is {kind}; name a file.")
    if not force:
        raise InvalidInputError(f"{str(place)!r} is there already; say --force to overwrite it.")
    return _refuse_folder(folder)


def _refuse_folder(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInputError(f"Nothing may be written in the folder {str(folder)!r}.")
