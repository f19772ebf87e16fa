"""Sessions whose starter was killed are found and ended; those of a living one are not touched."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from rhizome_pipelines.deployment.sessions import SessionRecord

STARTER = """
import os, subprocess, sys, time
from pathlib import Path
from rhizome_pipelines.deployment.sessions import SessionRecord

home = Path(sys.argv[1])
leader = subprocess.Popen(
    ["sh", "-c", "trap '' TERM; sleep 600 & sleep 600" if sys.argv[2] == "stubborn" else
     "sleep 600 & sleep 600"],
    start_new_session=True,
    env={**os.environ, "RHIZOME_HOME": str(home)},
)
SessionRecord(home).add(leader.pid)
print(leader.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def starters() -> Iterator[list["subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for starter in started:
        starter.kill()
        starter.communicate()


@pytest.fixture
def record(tmp_path: Path, starters: list["subprocess.Popen[str]"]) -> Iterator[SessionRecord]:
    record = SessionRecord(tmp_path)
    yield record
    for starter in starters:
        starter.kill()
        starter.wait()
    record.end_orphans()


def _start(
    starters: list["subprocess.Popen[str]"], home: Path, manner: str = "polite"
) -> tuple["subprocess.Popen[str]", list[psutil.Process]]:
    """The starter, and the session that it has started: a shell with two children."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(home), manner], stdout=subprocess.PIPE, text=True
    )
    starters.append(starter)
    assert starter.stdout is not None
    leader = psutil.Process(int(starter.stdout.readline()))
    while len(children := leader.children()) < 2:
        time.sleep(0.01)
    return starter, [leader, *children]


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    alive = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


@pytest.mark.parametrize("manner", ["polite", "stubborn"])
def test_what_a_killed_process_left_is_ended(
    record: SessionRecord,
    starters: list["subprocess.Popen[str]"],
    manner: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhizome_pipelines.deployment.sessions.STOP_SECONDS", 0.5)
    starter, session = _start(starters, record.home, manner)
    starter.kill()
    starter.wait()
    assert _alive(session) == session

    assert record.end_orphans()

    assert _alive(session) == []
    assert list(record.folder.iterdir()) == []
    assert not record.end_orphans()


def test_what_outlived_its_leader_is_ended_too(
    record: SessionRecord, starters: list["subprocess.Popen[str]"]
) -> None:
    starter, session = _start(starters, record.home)
    starter.kill()
    starter.wait()
    session[0].kill()

    assert record.end_orphans()

    assert _alive(session) == []


def test_a_living_starters_session_is_its_own_affair(
    record: SessionRecord, starters: list["subprocess.Popen[str]"]
) -> None:
    _, session = _start(starters, record.home)

    assert not record.end_orphans()

    assert _alive(session) == session


def test_a_pid_that_is_another_homes_by_now_is_spared(
    record: SessionRecord, starters: list["subprocess.Popen[str]"], tmp_path: Path
) -> None:
    elsewhere = SessionRecord(tmp_path / "elsewhere")
    starter, session = _start(starters, elsewhere.home)
    starter.kill()
    starter.wait()
    record.folder.mkdir(parents=True)
    name = f"{session[0].pid}.json"
    (elsewhere.folder / name).rename(record.folder / name)

    assert not record.end_orphans()

    assert _alive(session) == session
    (record.folder / name).write_text("{}")
    (record.folder / name).rename(elsewhere.folder / name)
    assert elsewhere.end_orphans()


def test_a_home_where_nothing_ever_ran(tmp_path: Path) -> None:
    assert not SessionRecord(tmp_path / "none").end_orphans()
