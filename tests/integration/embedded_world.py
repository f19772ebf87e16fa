"""Homes, users and processes for the tests of the embedded server."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from rhizome_pipelines.server import locks, processes
from rhizome_pipelines.server.account import Account, server_account
from rhizome_pipelines.server.layout import Layout, make_home, make_private_folder
from rhizome_pipelines.server.postgres import EmbeddedPostgres

_PRELUDE = """
import os, sys, time
from pathlib import Path
from rhizome_pipelines.server.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def long_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was started once: spaces in its path, which has more than 150 characters."""
    home = tmp_path_factory.mktemp("embedded") / "two words" / ("long " * 30) / ".rhizome"
    home.parent.mkdir(parents=True)
    server = EmbeddedPostgres(home)
    with server.lease(), psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE TABLE words (word text)")
        connection.execute("INSERT INTO words VALUES ('rhizome')")
    server.stop()
    return home


@pytest.fixture
def home(long_home: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of that home, not running; stopped after the test."""
    copy = tmp_path / "a home"
    subprocess.run(["cp", "-a", str(long_home), str(copy)], check=True)
    yield copy
    end(copy)


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet; stopped after the test."""
    home = tmp_path / "new" / ".rhizome"
    yield home
    end(home)


@pytest.fixture
def data_like(new_home: Path) -> Path:
    """A folder where the data directory would be, with nothing but a version in it."""
    layout = Layout.of(new_home)
    account = server_account(layout)
    make_home(layout)
    for folder in (layout.folder, layout.data):
        make_private_folder(folder, account.uid, account.gid)
    (layout.data / "PG_VERSION").write_text("17\n")
    return layout.data


def end(home: Path) -> None:
    EmbeddedPostgres(home).stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python with `server` defined, in a process group of its own; killed after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path, body: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + body, str(home)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process ended without an answer"
    return line.strip()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait; a test that comes to the end of `seconds` fails, so they are generous."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def words(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.url("postgres")) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words")]


def pid_of(server: EmbeddedPostgres) -> int:
    pid = server.status().pid
    assert pid is not None
    return pid


def starts(home: Path) -> int:
    """How often a server was started on this home."""
    return Layout.of(home).log.read_text().count("starting PostgreSQL")


def watchers(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "rhizome_pipelines.server.watcher" in command and str(home.resolve()) in command:
            found.append(process)
    return found


def ended(process: psutil.Process) -> bool:
    """Whether it is gone, or would be if its parent had asked for its exit code."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@contextmanager
def unprivileged_folder(uid: int) -> Iterator[tuple[Path, Account]]:
    """A folder of a user who is not root (`uid`, if we may become it; else ourselves)."""
    folder = Path(tempfile.mkdtemp(prefix="rhizome-test-"))
    us = os.geteuid()
    account = Account(us or uid, os.getegid() if us else uid, changed=us == 0)
    os.chown(folder, account.uid, account.gid)
    try:
        yield folder, account
    finally:
        shutil.rmtree(folder)


def run_as(account: Account, folder: Path, body: str) -> str:
    """Run Python with `server` (home: `folder`/home) as that user; what it wrote."""
    output, lock = folder / "output", folder / "lock"
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    keep = locks.open_lock(lock)
    try:
        processes.launch(
            [sys.executable, "-c", _PRELUDE + body, str(folder / "home")],
            descriptor,
            keep=keep,
            account=account,
            needs=(Path(sys.executable),),
        )
    finally:
        locks.close(keep)
        os.close(descriptor)
    return output.read_text()
