"""The embedded server under attack: kill -9 of each part, stale files, strangers' folders."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from rhizome_pipelines.server.account import server_account
from rhizome_pipelines.server.errors import (
    DataVersionError,
    ServerAccessError,
    ServerStartError,
)
from rhizome_pipelines.server.layout import SOCKET_NAME, Layout
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from tests.integration.embedded_world import (
    answer,
    data_like,
    ended,
    home,
    kill,
    long_home,
    new_home,
    pid_of,
    spawn,
    starts,
    until,
    watchers,
    words,
)

__all__ = ["data_like", "home", "long_home", "new_home", "spawn"]

Spawn = Callable[..., subprocess.Popen[str]]


def test_a_killed_postmaster_is_replaced_though_a_backend_works_on(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server.lease():
        with psycopg.connect(server.url("postgres")) as connection:
            connection.execute("INSERT INTO words VALUES ('kept')")
        busy = psycopg.connect(server.url("postgres"), autocommit=True)
        backend = psutil.Process(busy.info.backend_pid)
        # Without a wait on its socket, it does not notice that its postmaster is gone.
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
        until(lambda: backend.cpu_times().user > 0.1)
        killed = pid_of(server)
        kill(killed)
        assert not ended(backend)
        server.ensure_running()
        assert pid_of(server) != killed
        assert ended(backend)
        assert words(server) == ["rhizome", "kept"]
        busy.close()


@pytest.mark.parametrize("whole_group", [True, False])
def test_a_start_killed_during_initdb_is_begun_again(
    new_home: Path, spawn: Spawn, whole_group: bool
) -> None:
    """`whole_group`: initdb dies as well; else it works on without its parent for a while."""
    starter = spawn(new_home, "server.ensure_running()")
    until(lambda: any((new_home / "postgres").glob("data.new-*/base")))
    if whole_group:
        os.killpg(starter.pid, signal.SIGKILL)
    else:
        starter.kill()
    server = EmbeddedPostgres(new_home)
    with server.lease():
        server.ensure_database("any")
        assert not list((new_home / "postgres").glob("data.new-*"))
    assert starts(new_home) == 1


def test_a_start_killed_between_making_a_folder_and_giving_it_away_goes_on(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.status().socket.parent.mkdir(mode=0o700)
    assert not server.status().running
    with server.lease():
        assert words(server) == ["rhizome"]


def test_a_pid_file_that_names_a_stranger_is_stale(home: Path) -> None:
    data = home / "postgres" / "data"
    owner = data.stat().st_uid
    server = EmbeddedPostgres(home)
    with server.lease():
        socket = server.status().socket
        lines = (data / "postmaster.pid").read_text().splitlines()
        kill(pid_of(server))
    stranger = subprocess.Popen(["sleep", "600"], user=owner if os.geteuid() == 0 else None)
    lines[0] = str(stranger.pid)
    (data / "postmaster.pid").write_text("\n".join(lines) + "\n")
    Path(f"{socket}.lock").write_text("\n".join(lines[:5]) + "\n")
    with server.lease():
        assert words(server) == ["rhizome"]
        assert pid_of(server) != stranger.pid
    server.stop()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_killed_watcher_is_replaced(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server.lease():
        before = pid_of(server)
        (watcher,) = watchers(home)
        watcher.kill()
        until(lambda: not watchers(home))

        def replaced() -> bool:
            # One that dies has no command line any more before it lets go of its lock.
            server.ensure_running()
            return len(watchers(home)) == 1

        until(replaced)
        assert pid_of(server) == before


def test_a_socket_that_was_cleaned_away_comes_back(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server.lease():
        shutil.rmtree(server.status().socket.parent)
        assert not server.status().running
        server.ensure_running()
        assert words(server) == ["rhizome"]


def test_a_server_whose_home_was_taken_away_ends(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server.lease():
        postmaster = psutil.Process(pid_of(server))
        with psycopg.connect(server.url("postgres")):
            home.rename(home.with_name("elsewhere"))
            until(lambda: ended(postmaster) and not watchers(home))


def test_data_of_another_major_version_are_left_alone(new_home: Path, data_like: Path) -> None:
    with pytest.raises(DataVersionError, match=r"Postgres 17.*pg_dumpall"):
        EmbeddedPostgres(new_home).ensure_running()
    assert [path.read_text() for path in data_like.iterdir()] == ["17\n"]


def test_a_folder_that_is_no_data_directory_is_left_alone(new_home: Path, data_like: Path) -> None:
    (data_like / "PG_VERSION").rename(data_like / "notes")
    with pytest.raises(ServerAccessError, match="PG_VERSION"):
        EmbeddedPostgres(new_home).ensure_running()
    assert [path.read_text() for path in data_like.iterdir()] == ["17\n"]


def test_why_a_start_failed_is_told_from_the_log(home: Path) -> None:
    os.truncate(home / "postgres" / "data" / "global" / "pg_control", 0)
    with pytest.raises(ServerStartError, match=r"(?s)did not start.*pg_control"):
        EmbeddedPostgres(home).ensure_running()


def test_a_home_that_is_a_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ServerAccessError, match="RHIZOME_HOME"):
        EmbeddedPostgres(tmp_path / "home").ensure_running()


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_socket_folder_laid_by_somebody_else_is_refused(
    new_home: Path, tmp_path: Path, trap: str
) -> None:
    owner = server_account(Layout.of(new_home))
    folder = Layout.of(new_home).socket_folder(owner.uid)
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    if trap == "link":
        folder.symlink_to(target)
    elif trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
        os.chown(folder, owner.uid, owner.gid)
    else:
        folder.write_text("")
    try:
        with pytest.raises(ServerAccessError, match=r"rhizome-\d+-"):
            EmbeddedPostgres(new_home).ensure_running()
        assert not (target / SOCKET_NAME).exists()
    finally:
        folder.rmdir() if folder.is_dir() and not folder.is_symlink() else folder.unlink()


def test_a_server_started_by_other_means_is_not_disturbed(new_home: Path, data_like: Path) -> None:
    """Its process is known by name and folder, though it holds none of our locks."""
    data = data_like
    (data / "PG_VERSION").write_text("18\n")
    script = "import signal; print('here', flush=True); signal.pause()"
    other = subprocess.Popen(
        ["postgres", "-c", script, "-D", str(data)],
        executable=sys.executable,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert answer(other) == "here"
    (data / "postmaster.pid").write_text(f"{other.pid}\n")
    with pytest.raises(ServerStartError, match=str(other.pid)):
        EmbeddedPostgres(new_home).ensure_running()
    assert other.poll() is None
    assert (data / "postmaster.pid").read_text() == f"{other.pid}\n"
    other.kill()
    other.communicate()


@pytest.mark.parametrize("capability", [0, 1, 5, 6, 7])
def test_a_root_that_lacks_a_right_is_told_and_a_user_needs_none(
    new_home: Path, spawn: Spawn, capability: int
) -> None:
    """CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID, taken away by PR_CAPBSET_DROP and an exec."""
    body = f"""
import ctypes
from rhizome_pipelines.server.account import server_account
from rhizome_pipelines.server.errors import ServerAccessError
if len(sys.argv) == 2:
    ctypes.CDLL(None).prctl(24, {capability}, 0, 0, 0)
    os.execv(sys.executable, [*sys.orig_argv, "dropped"])
try:
    with server.lease():
        print("runs", flush=True)
except ServerAccessError as error:
    print(error, flush=True)
"""
    told = answer(spawn(new_home, body))
    assert "this root may not run it" in told if os.geteuid() == 0 else told == "runs"
