"""What a run has when it was forked from a warm process."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from rhizome_pipelines.warm_launcher.worker import tag_of
from tests.integration.warm_launcher.world import World


def test_a_run_succeeds_and_tells_what_it_has_used(shared: World) -> None:
    run_id = shared.execute("quick")
    shared.until(lambda: "warm/peak_memory_mb" in shared.run(run_id).tags)

    tags = shared.run(run_id).tags
    assert float(tags["warm/cpu_seconds"]) > 0
    assert float(tags["warm/peak_memory_mb"]) > 10
    assert "Process for run exited" in shared.messages(run_id)
    assert len(shared.notes(run_id)) == 1


def test_runs_are_children_of_one_warm_process(shared: World) -> None:
    shared.execute("quick")
    warm = shared.the_warm_one()
    shared.execute("quick")
    assert shared.the_warm_one() == warm


def test_nothing_is_on_record_of_a_run_that_has_ended(shared: World) -> None:
    run_id = shared.execute("quick")
    worker = shared.worker(run_id)
    shared.until(lambda: shared.recorded(run_id) is None)
    assert not worker.alive


def test_what_is_printed_is_in_the_compute_logs(shared: World) -> None:
    run_id = shared.execute("talk")
    manager = shared.instance.compute_log_manager
    (event,) = [
        entry.dagster_event.logs_captured_data
        for entry in shared.instance.all_logs(run_id)
        if entry.dagster_event is not None
        and entry.dagster_event.event_type_value == "LOGS_CAPTURED"
    ]
    logs = manager.get_log_data([run_id, "compute_logs", event.file_key])
    assert (logs.stdout or b"").decode() == f"spoken {run_id}\nsaid by a child\n"
    assert b"complained\n" in (logs.stderr or b"")


def test_two_runs_have_different_random_numbers(shared: World) -> None:
    first, second = (shared.notes(shared.execute("roll"))[0] for _ in range(2))
    assert first[0] != second[0]  # of `random`
    assert first[1] != second[1]  # of numpy


def test_neither_a_worker_nor_its_children_hold_what_is_the_warm_process_own(shared: World) -> None:
    run_id = shared.execute("hold")
    held = {words[-1] for words in shared.notes(run_id)}
    own = {
        str(link.readlink())
        for link in Path(f"/proc/{shared.the_warm_one().pid}/fd").iterdir()
        if "socket" in str(link.readlink()) or ".lock" in str(link.readlink())
    }
    assert len(own) >= 3  # the lock, the socket, our connection
    assert not held & own


def test_threads_are_waited_for_and_exit_functions_are_run(shared: World) -> None:
    run_id = shared.execute("thread")
    shared.until(lambda: len(shared.notes(run_id)) == 2)
    assert shared.notes(run_id) == [["thread"], ["exit"]]


def test_a_run_that_is_requested_twice_is_executed_once(shared: World) -> None:
    run_id = shared.launch("sleep")
    shared.submit(run_id)
    shared.go_on()
    shared.end_of(run_id)
    shared.submit(run_id)
    assert shared.notes(run_id) == [["begun"], ["done"]]


def test_a_run_that_was_begun_by_a_worker_that_is_gone_is_not_begun_again(shared: World) -> None:
    run_id = shared.make("quick")
    me = shared.worker(shared.execute("quick"))
    shared.until(lambda: not me.alive)
    shared.instance.add_run_tags(run_id, tag_of(run_id, me))
    shared.submit(run_id)
    assert shared.end_of(run_id).status is DagsterRunStatus.FAILURE
    assert shared.notes(run_id) == []


def test_a_run_that_executes_another_one_anew_has_its_tags_and_is_begun(shared: World) -> None:
    first = shared.execute("quick")
    again = shared.submit(shared.make("quick", tags=shared.run(first).tags))
    assert shared.end_of(again).status is DagsterRunStatus.SUCCESS


def test_a_run_that_the_launcher_does_not_know_is_never_called_dead(shared: World) -> None:
    first = shared.execute("quick")
    tags = dict(shared.run(first).tags)
    told = shared.elsewhere(
        "from tests.integration.warm_launcher.plain import plain\n"
        f"    run = plain.execute_in_process(instance=instance, tags={tags!r})\n"
        "    print(run.run_id)"
    )
    run = shared.run(told.split()[-1])
    assert shared.launcher.check_run_worker_health(run).status.name == "RUNNING"


@pytest.mark.system
def test_fifty_runs_at_once_are_executed_once_each(shared: World) -> None:
    run_ids = [shared.make("quick") for _ in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run_id: shared.instance.submit_run(run_id, None), run_ids))
    assert {shared.end_of(run_id).status for run_id in run_ids} == {DagsterRunStatus.SUCCESS}
    assert [len(shared.notes(run_id)) for run_id in run_ids] == [1] * 50
