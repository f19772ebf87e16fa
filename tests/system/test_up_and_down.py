"""`rhizome up`: it starts, it answers, and however it ends nothing is left behind."""

import json
import signal
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import psutil

from rhizome_pipelines.transfer.links import LOCAL_FOLDER, link_secret, local_link
from tests.system.home import ROOT, Home, answers, free_port, kill, lives, wait_until


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
    assert not [process for process in family if lives(process)]
    home.wait_until_empty()


def test_killed_it_can_be_cleared_away(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        kill(psutil.Process(up.pid))

    down = home.rhizome("down")

    assert down.returncode == 0, down.stderr
    home.wait_until_empty()
    assert home.rhizome("down").stdout.strip() == "Nothing was running."


def test_killed_and_left_alone_nothing_stays(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        kill(psutil.Process(up.pid))

    home.wait_until_empty()


def test_what_dies_under_it_is_started_again(home: Home, port: int) -> None:
    with home.start("up", "--port", str(port)) as up:
        _read_until_up(up)
        for part in ("dagster_webserver", "rhizome_pipelines.panel", "code-server"):
            victim = _leader(up.pid, part)
            assert victim is not None
            kill(victim)
            wait_until(partial(_replaced, up.pid, part, victim), f"{part} is back", 30)
        wait_until(lambda: answers(port), "the web server answers again")

        up.send_signal(signal.SIGTERM)
        told, _ = up.communicate(timeout=60)

    assert up.returncode == 0, told
    assert "code-server had died; started again" in told


def test_the_link_of_an_export_works_while_it_is_up_and_after_a_restart(
    home: Home, port: int, tmp_path: Path
) -> None:
    panel_port, saved = free_port(), tmp_path / "saved.zip"
    server = f"http://127.0.0.1:{panel_port}"
    url = ""
    for _ in range(2):
        with home.start("up", "--port", str(port), "--panel-port", str(panel_port)) as up:
            assert f"Downloads {server}" in _read_until_up(up)
            url = url or _exported(home, saved)["downloadUrl"]
            assert url.startswith(server)
            assert httpx.get(url).content == saved.read_bytes()

            key = unquote(urlsplit(url).path).removeprefix(LOCAL_FOLDER)
            just_now = datetime.now(UTC) - timedelta(seconds=1)
            expired = server + local_link(key, just_now, link_secret(home.path))
            altered = url.replace(".zip", "0.zip")
            for refused in (expired, altered, server):
                assert httpx.get(refused).status_code == 404

            up.send_signal(signal.SIGTERM)
            assert up.wait(60) == 0
    log = home.path / "dagster" / "process-logs" / "panel.log"
    assert "token" not in log.read_text()
    home.wait_until_empty()


def _exported(home: Home, path: Path) -> dict[str, Any]:
    """The output of an export of one document, whose archive is saved at that path."""
    added = home.rhizome("documents", "add", ROOT / "samples" / "card-box.md")
    assert added.returncode == 0, added.stderr
    done = home.rhizome("export", "--all", "--output", path, "--json")
    assert done.returncode == 0, done.stderr
    output: dict[str, Any] = json.loads(done.stdout)["output"]
    return output


def test_a_port_for_downloads_that_cannot_be_had_is_told(home: Home, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        refused = home.rhizome("up", "--port", str(port), "--panel-port", str(number))
    assert refused.returncode == 2
    assert f"http://127.0.0.1:{number} already; choose another port with" in refused.stderr
    assert "--panel-port" in refused.stderr

    refused = home.rhizome("up", "--port", str(port), "--panel-port", str(port))
    assert refused.returncode == 2
    assert f"cannot both have port {port}" in refused.stderr
    assert home.rhizome("down").returncode == 0


def _read_until_up(up: "subprocess.Popen[str]") -> str:
    """What dies while it is still starting ends it; so wait for its last word before that."""
    assert up.stdout is not None
    told = ""
    while "Ctrl-C" not in told:
        line = up.stdout.readline()
        assert line, f"it ended: {told}"
        told += line
    return told


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
