"""When a warm process is current, and what happens where it is not, or cannot be had."""

import json
import signal
import socket
import stat
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from rhizome_pipelines.warm_launcher import client
from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from tests.integration.warm_launcher.conftest import MakeWorld
from tests.integration.warm_launcher.location import (
    EXIT_AT_IMPORT,
    THREAD_AT_IMPORT,
)
from tests.integration.warm_launcher.world import World


def test_a_run_after_a_change_of_the_code_has_the_new_code(world: World) -> None:
    world.execute("quick")
    before = world.the_warm_one()
    old = world.begin("deaf")
    world.write_code("VERSION = 2\n")
    new = world.execute("quick")
    assert world.notes(new) == [["done", "2", "None"]]
    assert len(world.warm()) == 2

    # The old one takes no more runs, but still tells of its worker's death, and ends then.
    world.worker(old).signal(signal.SIGKILL)
    assert world.end_of(old).status is DagsterRunStatus.FAILURE
    world.until(lambda: not before.alive)


def test_another_environment_is_another_warm_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.execute("quick")
    monkeypatch.setenv("FLAVOUR", "salty")
    assert world.notes(world.execute("quick")) == [["done", "1", "salty"]]
    assert len(world.warm()) == 2


def test_code_reads_what_the_secrets_loader_adds_when_it_is_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.folder / ".env").write_text("FLAVOUR=sweet\n")
    monkeypatch.setenv("DAGSTER_PROJECT_ENV_FILE_PATHS", json.dumps({"pieces": str(world.folder)}))
    assert world.notes(world.execute("quick")) == [["done", "1", "sweet"]]
    (world.folder / ".env").write_text("FLAVOUR=sour\n")
    assert world.notes(world.execute("quick")) == [["done", "1", "sour"]]


def test_code_that_cannot_be_forked_is_started_cold_until_it_is_mended(world: World) -> None:
    world.write_code(THREAD_AT_IMPORT)
    run_id = world.execute("quick")
    assert "Started in a fresh process" in world.messages(run_id)
    assert "the threads restless were started while" in world.messages(run_id)

    world.write_code("VERSION = 3\n")
    run_id = world.execute("quick")
    assert world.notes(run_id) == [["done", "3", "None"]]
    assert "fresh process" not in world.messages(run_id)


def test_a_cold_worker_is_terminated_and_reported_like_the_others(world: World) -> None:
    world.write_code(THREAD_AT_IMPORT)
    deaf = world.begin("deaf")
    worker = world.worker(deaf)
    assert world.recorded(deaf) == worker
    world.launcher.terminate(deaf)
    assert world.end_of(deaf).status is DagsterRunStatus.CANCELED
    assert not worker.alive

    dying = world.launch("die")
    assert world.end_of(dying).status is DagsterRunStatus.FAILURE
    assert "The run's worker died." in world.messages(dying)

    # The shutdown that ends this test's world finds it too.
    left = world.worker(world.begin("sleep"))
    world.close()
    assert not left.alive


def test_broken_code_fails_with_what_dagster_says_of_it(world: World) -> None:
    world.write_code("raise RuntimeError('it is broken')\n")
    run_id = world.launch("quick")
    assert world.end_of(run_id).status is DagsterRunStatus.FAILURE
    assert "Could not load job definition" in world.messages(run_id)


def test_what_was_registered_for_the_end_of_the_warm_process_is_not_done_by_workers(
    world: World,
) -> None:
    world.write_code(EXIT_AT_IMPORT)
    run_id = world.execute("quick")
    world.until(lambda: world.recorded(run_id) is None)
    assert not (world.home / "left at exit").exists()


def test_prewarm_starts_one_and_only_one(world: World) -> None:
    for _ in range(3):
        world.prewarm()
    warm = world.the_warm_one()
    world.execute("quick")
    assert world.the_warm_one() == warm


def test_a_warm_process_that_nobody_needs_makes_room_for_another(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(most_processes=1)
    world.execute("quick")
    monkeypatch.setenv("FLAVOUR", "salty")
    # While we are connected to the first, it is needed.
    needed = world.execute("quick")
    assert "1 warm processes with other code" in world.messages(needed)
    world.launcher.dispose()
    assert "fresh process" not in world.messages(world.execute("quick"))
    world.until(lambda: len(world.warm()) == 1)


def test_a_warm_process_that_hangs_is_killed_and_the_run_starts_cold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.execute("quick")
    hanging = world.the_warm_one()
    hanging.signal(signal.SIGSTOP)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)
    run_id = world.execute("quick")
    assert "gave no answer" in world.messages(run_id)
    assert len(world.notes(run_id)) == 1
    assert not hanging.alive


def test_a_warm_process_whose_socket_was_swept_away_is_replaced(world: World) -> None:
    world.execute("quick")
    before = world.the_warm_one()
    for path in world.place.socket_folder().iterdir():
        path.unlink()
    world.launcher.dispose()
    world.execute("quick")
    world.until(lambda: not before.alive)


def test_nothing_that_is_sent_to_a_warm_process_ends_it(shared: World) -> None:
    shared.execute("quick")
    warm = shared.the_warm_one()
    (path,) = shared.place.socket_folder().glob("*.sock")
    for told in (
        b"\n",
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b'{"wish": "run", "run_id": "../../up"}\n',
        b'{"wish": "run", "run_id": null}\n',
        b'{"wish": "end", "run_id": "x", "grace": NaN}\n',
        b'{"wish": "end", "run_id": "x", "grace": "soon"}\n',
        b'{"wish": ["run"]}\n',
        b'{"wish": "ping"',
        b"\xff\xfe\n",
        b'{"wish": "ping"}\n' * 20_000,
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5.0)
            connection.connect(str(path))
            try:
                connection.sendall(told)
            except OSError:
                continue  # it has had enough of that
    shared.execute("quick")
    assert shared.the_warm_one() == warm


def test_a_folder_that_others_can_write_to_is_refused(world: World) -> None:
    world.place.folder.mkdir()
    world.place.folder.chmod(0o777)
    run_id = world.make("quick")
    with pytest.raises(Exception, match="others cannot write to"):
        world.submit(run_id)
    assert world.run(run_id).status is DagsterRunStatus.FAILURE
    assert "others cannot write to" in world.messages(run_id)
    world.place.folder.chmod(stat.S_IRWXU)


def test_a_folder_may_be_given_by_a_symbolic_link(make_world: MakeWorld, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    world = make_world(state_dir="../link")
    world.place = type(world.place)(tmp_path / "elsewhere")
    world.execute("quick")
    assert len(world.warm()) == 1


def test_a_record_that_cannot_be_written_is_no_run(world: World) -> None:
    """As on a full disk: nothing works of which nobody knows."""
    world.execute("quick")
    world.until(lambda: not list(world.place.workers.iterdir()))
    warm = world.the_warm_one()
    world.place.workers.rmdir()
    world.place.workers.touch()
    run_id = world.make("quick")
    with pytest.raises(Exception):  # noqa: B017
        world.submit(run_id)
    assert world.run(run_id).status is DagsterRunStatus.FAILURE
    assert world.notes(run_id) == []
    assert warm.alive
    world.place.workers.unlink()
    world.execute("quick")
    assert ProcessIdentity.of(warm.pid) == warm
