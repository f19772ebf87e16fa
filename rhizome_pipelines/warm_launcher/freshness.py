"""Whether what a warm process has loaded is still what lies on the disk."""

import glob
import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[int, int, int]
"""Time of the last change in nanoseconds, size in bytes, inode."""


@dataclass(frozen=True)
class Snapshot:
    """The files that were loaded, and all files beside the project's own modules."""

    files: Mapping[str, Stamp | None]
    folders: tuple[str, ...]
    watched: tuple[str, ...]

    @classmethod
    def take(cls, watched: Iterable[str] = ()) -> "Snapshot":
        """Of this process as it is now.

        `watched`: further files, there or not; patterns such as `defs/**/*.yaml` among them.
        """
        watched = tuple(watched)
        loaded = [path for path in _module_files() if path.endswith((".py", ".so", ".pyc"))]
        folders = tuple(sorted(_own_folders()))
        files = {path: _stamp(path) for path in (*loaded, *_matching(watched))}
        for folder in folders:
            files.update(_in_folder(folder))
        return cls(files, folders, watched)

    def changes(self) -> list[str]:
        """Files that are not as they were; new ones and lost ones among them."""
        changed = [path for path, stamp in self.files.items() if _stamp(path) != stamp]
        for folder in self.folders:
            changed += [path for path, _ in _in_folder(folder) if path not in self.files]
        changed += [path for path in _matching(self.watched) if path not in self.files]
        return sorted(set(changed))

    def changed_since(self, began: float) -> list[str]:
        """Files changed at or after `began` (seconds since the epoch): perhaps while being read.

        Times in the future say nothing and are passed over.
        """
        first, last = int(began * 1e9), time.time_ns()
        return sorted(
            path
            for path, stamp in self.files.items()
            if stamp is not None and first <= stamp[0] <= last
        )


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of files before each run
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _in_folder(folder: str) -> Iterator[tuple[str, Stamp]]:
    """All files of a package, since its data may have been read; of other folders, the code.

    A folder of scripts may be a program's working directory, where it writes what it likes.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.is_file()]
            is_package = any(entry.name == "__init__.py" for entry in found)
            for entry in found:
                if entry.name.endswith(".py") or (is_package and not entry.name.endswith(".pyc")):
                    stat = entry.stat()
                    yield entry.path, (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError:
        return


def _matching(patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        if glob.has_magic(pattern):
            yield from glob.iglob(pattern, recursive=True)  # noqa: PTH207 - as text, like the others
        else:
            yield pattern


def _module_files() -> set[str]:
    """Files of all modules; a script's may be named relatively to the working directory."""
    found = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = (os.path.abspath(path) for path in found if isinstance(path, str))  # noqa: PTH100
    return {path for path in paths if os.path.isfile(path)}  # noqa: PTH113


def _own_folders() -> set[str]:
    """Folders of modules that were not installed: a project's own code, edited where it lies."""
    installed = _installed_places()
    folders = {Path(path).parent for path in _module_files()}
    return {
        str(folder)
        for folder in folders
        if not any(folder.is_relative_to(place) for place in installed)
    }


def _installed_places() -> list[str]:
    paths = sysconfig.get_paths()
    places = [paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"]]
    return [*places, *site.getsitepackages(), site.getusersitepackages()]
