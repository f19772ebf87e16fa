"""flock as the server's protocol wants it."""

import os
from pathlib import Path

import pytest

from rhizome_pipelines.server import locks
from rhizome_pipelines.server.errors import ServerAccessError, ServerStartError
from rhizome_pipelines.server.locks import Lease


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


def test_an_exclusive_lock_is_seen_while_it_is_held(path: Path) -> None:
    assert not locks.is_held(path)
    with locks.exclusive(path, 0):
        assert locks.is_held(path)
        with pytest.raises(ServerStartError, match="try again"), locks.exclusive(path, 0):
            raise AssertionError
    assert not locks.is_held(path)


def test_leases_are_counted_and_do_not_exclude_each_other(path: Path) -> None:
    assert locks.count_holders(path) == 0
    with Lease(path) as first, Lease(path):
        assert locks.count_holders(path) == 2
        first.release()
        assert locks.count_holders(path) == 1
        assert not locks.is_held(path)
    assert locks.count_holders(path) == 0


def test_a_lease_is_not_taken_on_a_file_that_was_replaced(path: Path) -> None:
    with Lease(path):
        path.unlink()
        assert locks.count_holders(path) == 0
        with Lease(path):
            assert locks.count_holders(path) == 1


def _forked_child() -> tuple[int, int]:
    """A child that lives until the returned descriptor is closed."""
    listen, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(tell)
        os.read(listen, 1)
        os._exit(0)
    os.close(listen)
    return child, tell


def test_a_forked_child_keeps_a_lease_but_no_passing_lock(path: Path, tmp_path: Path) -> None:
    passing = locks.open_lock(path)
    assert locks.try_lock(passing)
    lease = Lease(tmp_path / "lease")
    child, tell = _forked_child()
    # `close` leaves the lock to whoever inherited it by exec; the fork must not count as that.
    locks.close(passing)
    lease.release()
    locks_after = locks.count_holders(tmp_path / "lease")
    os.close(tell)
    os.waitpid(child, 0)
    assert locks_after == 1
    assert not locks.is_held(path)
    assert locks.count_holders(tmp_path / "lease") == 0


def test_a_link_in_the_place_of_a_lock_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"a\.lock"):
        locks.open_lock(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_name_of_a_file_in_the_place_of_a_lock_is_refused(
    path: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").write_text("")
    path.hardlink_to(tmp_path / "other")
    with pytest.raises(ServerAccessError, match=r"a\.lock"):
        locks.open_lock(path)
