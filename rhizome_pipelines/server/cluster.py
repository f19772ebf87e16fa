"""The data directory: made once, whole or not at all; its version; the settings it runs with."""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rhizome_pipelines.server.account import Account, initdb_account
from rhizome_pipelines.server.binaries import MAJOR_VERSION, binaries
from rhizome_pipelines.server.errors import (
    DataVersionError,
    ServerAccessError,
    ServerStartError,
)
from rhizome_pipelines.server.layout import PORT, Layout, open_private
from rhizome_pipelines.server.processes import launch

SUPERUSER = "postgres"
_UNFINISHED = "data.new-"
_SPACE_FOR_NEW = 200 * 2**20  # bytes: a fresh cluster and its first WAL files, with room to work
_SPACE_TO_RUN = 32 * 2**20  # bytes: two WAL files
_TAIL = 2000  # bytes of the log in an error
_LOG_LIMIT = 10 * 2**20  # bytes

# On the command line rather than in postgresql.conf, so that a new release brings its own.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    # Durability is what is promised: these two are never traded for speed.
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_destination": "stderr",
    "logging_collector": "off",
}


def server_command(layout: Layout, socket_folder: Path) -> list[str]:
    settings = _SETTINGS | {"unix_socket_directories": str(socket_folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(binaries().postgres), "-D", str(layout.data), *options]


def data_version(layout: Layout) -> str | None:
    """The major version that made the data directory; None before there is one."""
    try:
        return (layout.data / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None


def check_data(layout: Layout, account: Account) -> bool:
    """Whether a data directory is there. Raises if it is not one that we may and can use."""
    try:
        found = layout.data.lstat()
    except FileNotFoundError:
        return False
    version = data_version(layout)
    if version is None:
        raise ServerAccessError(
            f"{layout.data} is not a Postgres data directory (no PG_VERSION in it): move it away "
            "to begin with an empty database."
        )
    if version != str(MAJOR_VERSION):
        raise DataVersionError(
            f"The database in {layout.data} was made by Postgres {version}, and this release "
            f"brings Postgres {MAJOR_VERSION}: dump it with the release that made it (pg_dumpall), "
            "move the folder away, start anew and restore the dump. Nothing was changed."
        )
    if found.st_uid != account.uid or not stat.S_ISDIR(found.st_mode):
        raise ServerAccessError(
            f"{layout.data} belongs to uid {found.st_uid}, not to uid {account.uid}: start the "
            "database as its owner."
        )
    return True


def create_data(layout: Layout, account: Account, alive: int) -> None:
    """Run initdb beside the final place and rename: a data directory is never half made.

    `alive` is the held alive lock, which initdb inherits.
    """
    check_space(layout, _SPACE_FOR_NEW)
    for leftover in layout.folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover)
    maker = initdb_account(account)
    new = layout.folder / f"{_UNFINISHED}{secrets.token_hex(4)}"
    new.mkdir(mode=0o700)
    if maker.changed:
        os.chown(new, maker.uid, maker.gid, follow_symlinks=False)
    command = [str(binaries().initdb), "-D", str(new), "-U", SUPERUSER]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
    with open_log(layout) as log:
        began = os.fstat(log).st_size
        needs = (new, binaries().initdb, binaries().postgres)
        if launch(command, log, keep=alive, account=maker, needs=needs) != 0:
            raise failed_start(layout, began, "The database could not be created")
    if maker != account:
        _hand_over(new, account)
    new.rename(layout.data)
    _sync_folder(layout.folder)


def _hand_over(tree: Path, account: Account) -> None:
    for _, folders, files, descriptor in os.fwalk(tree, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(tree, account.uid, account.gid, follow_symlinks=False)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_space(layout: Layout, needed: int = _SPACE_TO_RUN) -> None:
    """Raise ServerStartError if the disk has fewer than `needed` bytes for us."""
    free = shutil.disk_usage(layout.folder).free
    if free < needed:
        raise ServerStartError(
            f"The disk with {layout.folder} is full ({free // 2**20} MB free, {needed // 2**20} MB "
            "needed to start the database): make room, then try again."
        )


@contextmanager
def open_log(layout: Layout) -> Iterator[int]:
    """The log, opened for appending; a child process keeps its own copy."""
    descriptor = open_private(layout.log, os.O_WRONLY | os.O_APPEND)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def rotate_log(layout: Layout) -> None:
    """Keep the last 10 MB as `postgres.log.1`.

    Copied and emptied, not renamed: the running server goes on writing to the file it has open.
    """
    try:
        if layout.log.stat().st_size > _LOG_LIMIT:
            shutil.copyfile(layout.log, layout.log.with_name("postgres.log.1"))
            os.truncate(layout.log, 0)
    except FileNotFoundError:
        return
    except OSError as error:
        # A full disk must not keep the server from being stopped or watched.
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise


def failed_start(layout: Layout, since: int, what: str) -> ServerStartError:
    """An error with the end of what the log got after its first `since` bytes."""
    with layout.log.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(min(since, size), size - _TAIL))
        tail = log.read().decode(errors="replace").strip()
    return ServerStartError(f"{what} ({layout.log}). The end of its log:\n{tail}")
