"""Where the embedded server's files lie, and how its folders and files are made safely."""

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.server.errors import ServerAccessError

# sockaddr_un.sun_path holds 108 bytes with its NUL (104 on macOS and the BSDs).
SOCKET_PATH_LIMIT = 103
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
# Needs no quoting in a URL, a conninfo string or a list of Postgres' settings.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Layout:
    """`home` is resolved once, so that every spelling of a path means the same server."""

    home: Path

    @classmethod
    def of(cls, home: Path) -> "Layout":
        return cls(home.expanduser().resolve())

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def start_lock(self) -> Path:
        return self.folder / "start.lock"

    @property
    def alive_lock(self) -> Path:
        return self.folder / "alive.lock"

    @property
    def lease_lock(self) -> Path:
        return self.folder / "leases.lock"

    @property
    def watcher_lock(self) -> Path:
        return self.folder / "watcher.lock"

    def socket_folder(self, uid: int) -> Path:
        """`/tmp/rhizome-<uid>-<hash of the data directory>`.

        Not in XDG_RUNTIME_DIR, which differs between the sessions of one user and vanishes at
        logout while the server goes on; not below `home`, whose path may be too long.
        """
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return _temporary_folder() / f"rhizome-{uid}-{digest}"


def _temporary_folder() -> Path:
    """The same for all processes of a machine where possible: /tmp, else what Python finds.

    A folder open to everybody must be sticky, or others could put their own in place of ours.
    """
    for candidate in (Path("/tmp"), Path(tempfile.gettempdir())):  # noqa: S108  (checked here)
        try:
            mode = candidate.stat().st_mode
        except OSError:
            continue
        shared = mode & stat.S_IWOTH and not mode & stat.S_ISVTX
        longest = candidate / "rhizome-4294967295-0123456789abcdef" / f"{SOCKET_NAME}.lock"
        if (
            stat.S_ISDIR(mode)
            and not shared
            and os.access(candidate, os.W_OK | os.X_OK)
            and len(os.fsencode(longest)) <= SOCKET_PATH_LIMIT
            and _PLAIN_PATH.fullmatch(str(candidate))
        ):
            return candidate
    raise ServerAccessError(
        "No folder for the database's socket: /tmp cannot be used. "
        "Set TMPDIR to a folder with a short, plain path that you may write to."
    )


def make_home(layout: Layout) -> None:
    """Create `home` (0700) where it is new. An existing folder keeps its mode and its owner."""
    if not layout.home.is_dir():
        layout.home.parent.mkdir(parents=True, exist_ok=True)
        layout.home.mkdir(mode=0o700, exist_ok=True)


def make_private_folder(path: Path, uid: int, gid: int) -> None:
    """Create `path` as 0700 and owned by `uid`; refuse one that others made or can enter."""
    path.mkdir(mode=0o700, exist_ok=True)
    if _is_half_made(path.lstat(), uid):
        os.chown(path, uid, gid, follow_symlinks=False)
    check_private_folder(path, uid)


def has_private_folder(path: Path, uid: int) -> bool:
    """Whether the folder is there. Raises ServerAccessError if it is not one for `uid` alone."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if _is_half_made(found, uid):
        return False
    check_private_folder(path, uid)
    return True


def _is_half_made(found: os.stat_result, uid: int) -> bool:
    """Whether we, as root, made the folder and were killed before we gave it to `uid`."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid == 0 == os.geteuid() != uid


def check_private_folder(path: Path, uid: int) -> None:
    """Raise ServerAccessError unless `path` is a real folder, owned by `uid`, closed to others."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        problem = "is not a folder"
    elif found.st_uid != uid:
        problem = f"belongs to uid {found.st_uid}, not to uid {uid}"
    elif found.st_mode & 0o077:
        problem = f"is open to other users (mode {stat.S_IMODE(found.st_mode):04o})"
    else:
        return
    raise ServerAccessError(
        f"{path} {problem}; the embedded Postgres does not use it. "
        "Use another RHIZOME_HOME, or have the folder removed or put right (chmod 700)."
    )


def open_private(path: Path, flags: int) -> int:
    """Open a file of the server's folder, or create it as 0600; closed on exec.

    Created by root, it is given to the owner of the folder, who may come without root next time.
    Root follows no link that such an owner may have laid. Raises ServerAccessError.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise ServerAccessError(f"{path} is not a plain file of its own: remove it.")
    if os.geteuid() == 0 == found.st_uid:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor
