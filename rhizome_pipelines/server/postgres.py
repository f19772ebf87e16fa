"""The embedded Postgres as the rest of the project sees it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError
from rhizome_pipelines.server import cluster, locks, processes
from rhizome_pipelines.server.account import Account, check_root_can_become, server_account
from rhizome_pipelines.server.binaries import binaries
from rhizome_pipelines.server.errors import ServerAccessError, ServerStartError
from rhizome_pipelines.server.layout import (
    SOCKET_NAME,
    Layout,
    has_private_folder,
    make_home,
    make_private_folder,
)
from rhizome_pipelines.server.locks import Lease
from rhizome_pipelines.server.watching import ensure_watched

_START_PATIENCE = 60.0  # seconds
_ORPHAN_PATIENCE = 2.0  # seconds
_POLL = 0.02  # seconds


@dataclass(frozen=True)
class ServerStatus:
    """`version` is the data directory's major version, None before the first start.

    `leases`: how many processes hold one (Linux; elsewhere 1 stands for "at least one").
    """

    running: bool
    pid: int | None
    version: str | None
    data: Path
    socket: Path
    leases: int


class EmbeddedPostgres:
    """One server for one `home` (RHIZOME_HOME), shared by all processes that name it.

    It may be built in any process at any moment; building it touches nothing. No TCP port is
    opened: the socket lies in a folder that only the server's user (and root) can enter.
    """

    def __init__(self, home: Path) -> None:
        self._layout = Layout.of(home)

    def ensure_running(self) -> None:
        """Return when the server answers; start it, or create it, if it has to be.

        Without a lease, the server may be stopped again some five seconds later.
        Raises ServerStartError (worth another try), ServerAccessError, DataVersionError or
        BinariesMissingError.
        """
        with _explained():
            account = server_account(self._layout)
            if self._answers(account) and locks.is_held(self._layout.watcher_lock):
                return
            self._prepare(account)
            with locks.exclusive(self._layout.start_lock, 2 * _START_PATIENCE):
                self._start(account)

    def revive(self) -> bool:
        """Start the server again if it has died; True if it had. Cheap while it lives.

        To be called now and then by whoever holds a lease. Raises what `ensure_running` raises.
        """
        if processes.find_postmaster(self._layout.data) is not None:
            return False
        self.ensure_running()
        return True

    def lease(self) -> Lease:
        """Start the server if need be, and keep it until the lease is released or we end.

        Raises what `ensure_running` raises.
        """
        with _explained():
            self._prepare(server_account(self._layout))
            lease = Lease(self._layout.lease_lock)
        try:
            self.ensure_running()
        except BaseException:
            lease.release()
            raise
        return lease

    def url(self, database: str, driver: str = "") -> str:
        """A URL for psql and psycopg; with a driver ("psycopg2"), one for SQLAlchemy."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        folder = self._socket_folder(server_account(self._layout))
        name = quote(database, safe="")
        return f"{scheme}:///{name}?host={quote(str(folder))}&user={cluster.SUPERUSER}"

    def ensure_database(self, name: str) -> None:
        """Create the database if it is not there. The server has to run."""
        if not name or "\0" in name or len(name.encode()) > 63:
            raise InvalidInputError("A database's name has 1 to 63 bytes and no NUL.")
        import psycopg  # noqa: PLC0415  (the watcher, which imports this module, needs none)
        from psycopg import sql  # noqa: PLC0415

        exists: LiteralString = "SELECT 1 FROM pg_database WHERE datname = %s"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                if connection.execute(exists, [name]).fetchone() is None:
                    try:
                        connection.execute(create)
                    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                        return  # another process was quicker
        except psycopg.Error as error:
            raise TransientError(f"The database {name!r} could not be created: {error}") from error

    def status(self) -> ServerStatus:
        """What is there now; starts and changes nothing."""
        with _explained():
            account = server_account(self._layout)
            postmaster = processes.find_postmaster(self._layout.data)
            return ServerStatus(
                running=self._answers(account),
                pid=postmaster.process.pid if postmaster else None,
                version=cluster.data_version(self._layout),
                data=self._layout.data,
                socket=self._socket_folder(account) / SOCKET_NAME,
                leases=locks.count_holders(self._layout.lease_lock),
            )

    def stop(self) -> bool:
        """Stop the server now, whoever uses it; True if there was one to stop."""
        if not self._layout.start_lock.exists():
            return False
        with _explained(), locks.exclusive(self._layout.start_lock, 2 * _START_PATIENCE):
            return processes.shut_down(self._layout)

    def stop_unless_leased(self) -> bool:
        """Stop the server now if no process holds a lease on it."""
        if not self._layout.start_lock.exists():
            return False
        with _explained(), locks.exclusive(self._layout.start_lock, 2 * _START_PATIENCE):
            leases = locks.open_lock(self._layout.lease_lock)
            try:
                return locks.try_lock(leases) and processes.shut_down(self._layout)
            finally:
                locks.unlock(leases)

    def _socket_folder(self, account: Account) -> Path:
        return self._layout.socket_folder(account.uid)

    def _answers(self, account: Account) -> bool:
        """Whether the server of this very data directory takes connections.

        The folder is looked at first: behind a folder of somebody else, anybody might answer.
        """
        folder = self._socket_folder(account)
        if not has_private_folder(folder, account.uid):
            return False
        pid_file = self._layout.data / "postmaster.pid"
        return pid_file.exists() and locks.is_held(self._layout.alive_lock) and _ping(folder)

    def _prepare(self, account: Account) -> None:
        """Make the folders, after everything that can be known to fail has been asked."""
        binaries()
        if account.changed:
            check_root_can_become(account)
        make_home(self._layout)
        make_private_folder(self._layout.folder, account.uid, account.gid)

    def _start(self, account: Account) -> None:
        layout = self._layout
        socket_folder = self._socket_folder(account)
        cluster.rotate_log(layout)
        with cluster.open_log(layout) as log:
            began = os.fstat(log).st_size
            ensure_watched(layout, log)
            if self._settled(account):
                return
            alive = locks.open_lock(layout.alive_lock)
            try:
                if not locks.wait_lock(alive, 1):
                    raise ServerStartError(f"{layout.data} came into use meanwhile; try again.")
                if not cluster.check_data(layout, account):
                    cluster.create_data(layout, account, alive)
                cluster.check_space(layout)
                make_private_folder(socket_folder, account.uid, account.gid)
                self._remove_traces(socket_folder)
                command = cluster.server_command(layout, socket_folder)
                needs = (layout.data, socket_folder, binaries().postgres)
                processes.launch(
                    command, log, keep=alive, account=account, needs=needs, detach=True
                )
            finally:
                locks.close(alive)
        self._wait_for_answer(account, began)

    def _settled(self, account: Account) -> bool:
        """True if the server answers after all; False once nothing works on the data any more."""
        deadline = time.monotonic() + _START_PATIENCE
        unseen_since = time.monotonic()
        while locks.is_held(self._layout.alive_lock):
            if self._answers(account):
                return True
            now = time.monotonic()
            postmaster = processes.find_postmaster(self._layout.data)
            if postmaster is None:
                if now - unseen_since > _ORPHAN_PATIENCE:
                    processes.end_orphans(self._layout)
                time.sleep(_POLL)
                continue
            unseen_since = now
            if postmaster.ready and not (self._socket_folder(account) / SOCKET_NAME).exists():
                # Its socket was cleaned away: nobody can reach it any more, nor ever will.
                processes.shut_down(self._layout)
            elif now > deadline:
                raise ServerStartError(
                    f"The database's process {postmaster.process.pid} runs but does not answer; "
                    f"it may be recovering from a crash (see {self._layout.log}). Try again."
                )
            time.sleep(_POLL)
        return False

    def _remove_traces(self, socket_folder: Path) -> None:
        """Remove what a killed server left, which a process that got its pid would keep alive."""
        stranger = processes.find_postmaster(self._layout.data)
        if stranger is not None:
            raise ServerStartError(
                f"A Postgres that was started by other means (pid {stranger.process.pid}) uses "
                f"{self._layout.data}: stop it, then try again."
            )
        (self._layout.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (socket_folder / name).unlink(missing_ok=True)

    def _wait_for_answer(self, account: Account, began: int) -> None:
        deadline = time.monotonic() + _START_PATIENCE
        while not self._answers(account):
            if not locks.is_held(self._layout.alive_lock):
                raise cluster.failed_start(self._layout, began, "The database did not start")
            if time.monotonic() > deadline:
                what = f"The database did not answer within {_START_PATIENCE:.0f} seconds"
                raise cluster.failed_start(self._layout, began, what)
            time.sleep(_POLL)


def _ping(folder: Path) -> bool:
    """Ask by PQping of libpq: a connection as far as the server's first answer, without a login."""
    from psycopg import pq  # noqa: PLC0415  (see ensure_database)

    target = f"host={folder} dbname=postgres user={cluster.SUPERUSER} connect_timeout=5"
    return bool(pq.PGconn.ping(target.encode()) == pq.Ping.OK)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServerAccessError(
            f"The embedded Postgres cannot use {error.filename or 'a file'}: {error.strerror}. "
            "Put its permissions or the disk right, or choose another RHIZOME_HOME."
        ) from error
