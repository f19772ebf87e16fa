"""`rhizome up`: it starts, it answers, and however it ends nothing is left behind."""

import signal
import subprocess
from functools import partial

import psutil

from tests.system.home import Home, answers, kill, wait_until


def _nothing_left(home: Home) -> bool:
    return home.processes() == []


def test_asked_to_end_it_leaves_nothing(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        family = psutil.Process(up.pid).children(recursive=True)
        assert family
        second = home.rhizome("up", "--port", str(port + 1))
        assert second.returncode == 2
        assert f"is up already (pid {up.pid})" in second.stderr

        up.send_signal(signal.SIGTERM)
        told, _ = up.communicate(timeout=60)

    assert up.returncode == 0, told
    assert "Stopped" in told
    assert not [process for process in family if process.is_running()]
    wait_until(lambda: _nothing_left(home), "no process of this home is left", 30)


def test_killed_it_can_be_cleared_away(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        kill(psutil.Process(up.pid))

    down = home.rhizome("down")

    assert down.returncode == 0, down.stderr
    wait_until(lambda: _nothing_left(home), "no process of this home is left", 30)
    assert home.rhizome("down").stdout.strip() == "Nothing was running."


def test_killed_and_left_alone_nothing_stays(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        kill(psutil.Process(up.pid))

    wait_until(lambda: _nothing_left(home), "the guardian has ended everything", 60)


def test_what_dies_under_it_is_started_again(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        _read_until_up(up)
        for part in ("dagster_webserver", "code-server"):
            victim = _leader(up.pid, part)
            assert victim is not None
            kill(victim)
            wait_until(partial(_replaced, up.pid, part, victim), f"{part} is back", 30)
        wait_until(lambda: answers(port), "the web server answers again")

        up.send_signal(signal.SIGTERM)
        told, _ = up.communicate(timeout=60)

    assert up.returncode == 0, told
    assert "code-server had died; started again" in told


def _read_until_up(up: "subprocess.Popen[str]") -> None:
    """What dies while it is still starting ends it; so wait for its last word before that."""
    assert up.stdout is not None
    told = ""
    while "Ctrl-C" not in told:
        line = up.stdout.readline()
        assert line, f"it ended: {told}"
        told += line


def _replaced(parent: int, part: str, victim: psutil.Process) -> bool:
    leader = _leader(parent, part)
    return leader is not None and leader != victim


def _leader(parent: int, part: str) -> psutil.Process | None:
    """The living child of `rhizome up` whose command has that part."""
    for child in psutil.Process(parent).children():
        try:
            if part in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                return child
        except psutil.NoSuchProcess:
            continue
    return None
