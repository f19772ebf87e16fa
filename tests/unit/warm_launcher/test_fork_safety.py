"""Each in a process of its own: only a fresh one has a single thread for certain."""

import subprocess
import sys
from pathlib import Path

import pytest

from rhizome_pipelines.warm_launcher.obituary import describe


def faults(code: str, folder: Path) -> str:
    told = "\nfrom rhizome_pipelines.warm_launcher.fork_safety import unsafe_to_fork\n"
    return subprocess.run(
        [sys.executable, "-c", f"{code}{told}print(unsafe_to_fork(own))"],
        env={"PYTHONPATH": str(Path.cwd()), "FOLDER": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "own = []",
        "import socket; pair = socket.socketpair(); own = [one.fileno() for one in pair]",
        "import os; log = open(os.environ['FOLDER'] + '/log', 'a'); own = []",
    ],
)
def test_a_process_without_threads_and_connections_is_safe(code: str, tmp_path: Path) -> None:
    assert faults(code, tmp_path) == "[]"


def test_threads_are_named(tmp_path: Path) -> None:
    code = (
        "import threading, time; own = []\n"
        "threading.Thread(target=time.sleep, args=(60,), name='restless', daemon=True).start()"
    )
    assert "the threads restless were started" in faults(code, tmp_path)


def test_connections_are_found(tmp_path: Path) -> None:
    assert "connections are open" in faults(
        "import socket; own = []; server = socket.socket()", tmp_path
    )


def test_open_databases_are_found(tmp_path: Path) -> None:
    code = (
        "import os, sqlite3; own = []; database = sqlite3.connect(os.environ['FOLDER'] + '/db')\n"
        "database.execute('create table t (x)'); database.commit()"
    )
    assert "SQLite databases are open" in faults(code, tmp_path)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed by signal 9 (SIGKILL); if nobody sent it, the machine may have run out "),
        (-11, "was killed by signal 11 (SIGSEGV)"),
        (-99, "was killed by signal 99 (unknown)"),
    ],
)
def test_a_death_is_told_in_words(code: int, told: str) -> None:
    assert describe(code).startswith(told)
