"""The embedded server in peace: started once, shared, reachable by its users alone, stopped."""

import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.server.binaries import binaries
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from tests.integration.embedded_world import (
    answer,
    home,
    long_home,
    new_home,
    pid_of,
    run_as,
    spawn,
    starts,
    unprivileged_folder,
    until,
    watchers,
    words,
)

__all__ = ["home", "long_home", "new_home", "spawn"]

Spawn = Callable[..., subprocess.Popen[str]]


def test_database_is_fresh_and_has_vectors(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE EXTENSION vector")
        distance = connection.execute("SELECT '[0,0]'::vector <-> '[3,4]'").fetchone()
    assert distance == (5.0,)


def test_database_of_a_test_has_the_schema(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM background_jobs").fetchone() == (0,)


def test_what_was_committed_is_synced_and_the_world_speaks_utf8_and_utc(
    postgres_server: EmbeddedPostgres,
) -> None:
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "jit": "off",
    }
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(wanted)]
        )
        assert dict(rows.fetchall()) == wanted
        locale = (
            "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = 'postgres'"
        )
        assert connection.execute(locale).fetchone() == ("b", "C.UTF-8")


def test_psql_and_sqlalchemy_accept_the_url(postgres_server: EmbeddedPostgres) -> None:
    name = "naïve name/%?&"
    postgres_server.ensure_database(name)
    postgres_server.ensure_database(name)
    query = "SELECT current_database()"
    command = [str(binaries().psql), "-Atc", query, postgres_server.url(name)]
    assert subprocess.run(command, capture_output=True, check=True).stdout.decode() == f"{name}\n"
    engine = sqlalchemy.create_engine(postgres_server.url(name, "psycopg2"))
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text(query)) == name
    engine.dispose()


@pytest.mark.parametrize("name", ["", "nul\0", "ü" * 32])
def test_names_that_postgres_would_cut_are_refused(
    postgres_server: EmbeddedPostgres, name: str
) -> None:
    with pytest.raises(InvalidInputError):
        postgres_server.ensure_database(name)


def test_nothing_is_there_before_the_first_start(new_home: Path) -> None:
    server = EmbeddedPostgres(new_home)
    status = server.status()
    assert (status.running, status.pid, status.version, status.leases) == (False, None, None, 0)
    assert not server.stop()
    assert not server.stop_unless_leased()
    assert not new_home.exists()


def test_a_path_of_any_length_and_with_spaces_will_do(long_home: Path) -> None:
    assert len(str(long_home)) > 150
    server = EmbeddedPostgres(long_home)
    with server.lease():
        assert words(server) == ["rhizome"]
        assert server.status().version == "18"
    assert server.stop()
    assert not server.status().socket.parent.exists()
    assert not server.stop()
    until(lambda: not watchers(long_home))


def test_folders_keep_their_owner_and_mode_and_ours_are_closed(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "open").mkdir(mode=0o755)
    home = tmp_path / "closed" / "open" / "home"

    def state() -> list[tuple[int, int, int]]:
        found = [path.stat() for path in home.parents]
        return [(each.st_mode, each.st_uid, each.st_gid) for each in found]

    before = state()
    server = EmbeddedPostgres(home)
    with server.lease():
        assert state() == before
        ours = (home, home / "postgres", home / "postgres" / "data", server.status().socket.parent)
        assert [stat.S_IMODE(path.stat().st_mode) for path in ours] == [0o700] * 4
    assert server.stop()
    assert state() == before


def test_postgres_never_runs_as_root_nor_as_a_user_who_is_shared(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server.lease():
        owner = server.status().socket.stat().st_uid
        assert owner == (home / "postgres" / "data").stat().st_uid
        assert owner == (os.geteuid() or 60578)


def test_a_user_without_rights_runs_it_as_himself() -> None:
    with unprivileged_folder(pwd.getpwnam("nobody").pw_uid) as (folder, account):
        body = """
with server.lease():
    print(os.geteuid(), server.status().running, server.status().socket.stat().st_uid)
print(server.stop())
"""
        output = run_as(account, folder, body)
        assert output.split() == [str(account.uid), "True", str(account.uid), "True"]
        # Root, who comes later, works as that user and leaves nothing that shuts him out.
        server = EmbeddedPostgres(folder / "home")
        with server.lease():
            assert server.status().socket.stat().st_uid == account.uid
        assert server.stop()
        files = (folder / "home").rglob("*")
        assert {path.lstat().st_uid for path in files} == {account.uid}
        assert run_as(account, folder, body) == output


def test_eight_processes_at_once_start_one_server(new_home: Path, spawn: Spawn) -> None:
    body = """
while not Path(sys.argv[1]).parent.exists():
    time.sleep(0.001)
lease = server.lease()
print(server.status().pid, flush=True)
time.sleep(600)
"""
    racers = [spawn(new_home, body) for _ in range(8)]
    new_home.parent.mkdir()
    assert len({answer(racer) for racer in racers}) == 1
    assert starts(new_home) == 1
    assert len(watchers(new_home)) == 1
    assert EmbeddedPostgres(new_home).status().leases == 8


def test_a_second_call_finds_the_server_of_the_first(home: Path, spawn: Spawn) -> None:
    server = EmbeddedPostgres(home)
    with server.lease():
        server.ensure_running()
        other = spawn(home, "server.ensure_running(); print(server.status().pid, flush=True)")
        assert answer(other) == str(pid_of(server))


def test_a_lease_keeps_the_server_until_its_holder_is_killed(home: Path, spawn: Spawn) -> None:
    body = "lease = server.lease(); print('leased', flush=True); time.sleep(600)"
    holder = spawn(home, body)
    assert answer(holder) == "leased"
    server = EmbeddedPostgres(home)
    assert not server.stop_unless_leased()
    assert server.status().running
    holder.kill()
    until(lambda: not server.status().running)
    until(lambda: not watchers(home))


def test_stop_ends_the_server_under_its_users_and_it_can_be_started_again(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with server.lease() as lease:
        assert server.stop()
        assert not server.status().running
        server.ensure_running()
        assert words(server) == ["rhizome"]
        lease.release()
        lease.release()
        assert server.stop_unless_leased()
