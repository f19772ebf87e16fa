"""Starting, finding and ending the processes that work on a data directory."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from rhizome_pipelines.server import locks
from rhizome_pipelines.server.account import Account
from rhizome_pipelines.server.errors import ServerAccessError, ServerStartError
from rhizome_pipelines.server.layout import SOCKET_NAME, Layout, check_private_folder

_LAUNCH = Path(__file__).with_name("launch.py")
_POLL = 0.02  # seconds
# Fast shutdown writes a checkpoint: a slow disk gets time. Then immediate, then no more asking.
_PATIENCE = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0))


def launch(
    argv: Sequence[str],
    log: int,
    *,
    keep: int,
    account: Account | None = None,
    needs: Sequence[Path] = (),
    detach: bool = False,
) -> int:
    """Run a program by way of `launch.py`; its output goes to the descriptor `log`.

    The descriptor `keep` (a held lock) is inherited. Returns the exit code, which for a detached
    program is 0 as soon as it is on its way. Raises ServerAccessError if `account` cannot reach
    one of `needs`.
    """
    change = None
    if account is not None and account.changed:
        change = {"uid": account.uid, "gid": account.gid, "needs": [str(path) for path in needs]}
    request = json.dumps({"argv": list(argv), "detach": detach, "account": change})
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(_LAUNCH), request],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=(keep,),
        env=_environment(),
        check=False,
    )
    if done.returncode == os.EX_NOPERM and change:
        raise ServerAccessError(
            f"Postgres does not run as root, and uid {change['uid']}, under which it is started "
            f"instead, cannot reach {os.fsdecode(done.stdout).strip()}: give this root the "
            "capability SETPCAP, install under a path that others may enter, or run as a normal "
            "user."
        )
    return done.returncode


def _environment() -> dict[str, str]:
    """Ours, without what would change the server's ways (PGDATA, PGOPTIONS, a locale, a zone)."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    package_root = str(Path(__file__).parents[2])
    python_path = os.pathsep.join(filter(None, (package_root, inherited.get("PYTHONPATH"))))
    return inherited | {"LC_ALL": "C", "TZ": "UTC", "PYTHONPATH": python_path}


@dataclass(frozen=True)
class Postmaster:
    """The server's first process, told from another with the same pid by psutil's start time."""

    process: psutil.Process
    ready: bool


def find_postmaster(data: Path) -> Postmaster | None:
    """The live postmaster that `postmaster.pid` names, or None if that file is stale.

    The file's format (src/include/utils/pidfile.h): pid, data directory, start, port, socket
    directory, listen address, shared memory, status; one a line. A pid alone proves nothing, as
    it may have been given to another program since.
    """
    try:
        lines = (data / "postmaster.pid").read_bytes()[:4096].decode(errors="replace").splitlines()
        process = psutil.Process(abs(int(lines[0])))
        if not _is_postmaster(process, data):
            return None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return Postmaster(process, ready=len(lines) > 7 and lines[7].strip() == "ready")


def _is_postmaster(process: psutil.Process, data: Path) -> bool:
    # A backend has a title of one word here ("postgres: checkpointer"), a zombie none.
    command = process.cmdline()
    if not command or Path(command[0]).name != "postgres":
        return False
    return str(data) in command or _works_in(process, data)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except (OSError, psutil.Error):
        return False


def find_orphans(layout: Layout) -> Iterator[psutil.Process]:
    """Every Postgres process that works below the server's folder (initdb's, too)."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in {"postgres", "initdb"} and _works_in(process, layout.folder):
            yield process


def find_abandoned(data: Path) -> Iterator[psutil.Process]:
    """Every postmaster that was started on `data`, but whose directory is no longer there.

    It may have been removed, moved, or replaced by a new one, whose server is not meant.
    """
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"]
        started_here = command and Path(command[0]).name == "postgres" and str(data) in command
        if started_here and not _may_stand_on(process, data):
            yield process


def _may_stand_on(process: psutil.Process, data: Path) -> bool:
    """Whether the process works in what is at `data` now; yes, if it cannot be told (no /proc)."""
    if not data.exists():
        return False
    try:
        return data.samefile(f"/proc/{process.pid}/cwd")
    except OSError:
        return True


def shut_down(layout: Layout) -> bool:
    """End the server: fast, then at once, then by force. False if there was none.

    To be called with the start lock held. Raises ServerStartError if a process stays.
    """
    if not locks.is_held(layout.alive_lock):
        return False
    if not _ended_when_asked(layout):
        end_orphans(layout)
    _remove_socket_folder(layout)
    return True


def _ended_when_asked(layout: Layout) -> bool:
    for number, patience in _PATIENCE:
        postmaster = find_postmaster(layout.data)
        if postmaster is not None:
            _signal(postmaster.process, number)
            if _wait_until_gone(layout, patience):
                return True
    return False


def _remove_socket_folder(layout: Layout) -> None:
    uid = layout.folder.stat().st_uid
    folder = layout.socket_folder(uid)
    # What cannot be removed does no harm: the next start looks at it again.
    with suppress(OSError, ServerAccessError):
        check_private_folder(folder, uid)
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def end_orphans(layout: Layout, patience: float = 0) -> None:
    """Wait for processes whose postmaster is gone, then kill them: recovery repairs what is left.

    Backends notice their postmaster's death at once unless they are busy with a query.
    Raises ServerStartError if the data directory stays in use.
    """
    if _wait_until_gone(layout, patience):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in find_orphans(layout):
            _signal(process, number)
        if _wait_until_gone(layout, 5):
            return
    raise ServerStartError(
        f"Processes that cannot be seen or ended from here still use {layout.data} (another "
        "container, another user?): end them there, then try again."
    )


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise ServerAccessError(
            f"The database's process {process.pid} belongs to another user: stop it as that user."
        ) from error


def _wait_until_gone(layout: Layout, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while locks.is_held(layout.alive_lock):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True
