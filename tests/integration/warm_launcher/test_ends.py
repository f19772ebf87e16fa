"""How runs end that do not end by themselves: terminated, killed, left alone."""

import fcntl
import os
import signal
import socket
import threading

import psutil
from dagster import DagsterRunStatus

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.protocol import Request, Wish, encode
from rhizome_pipelines.warm_launcher.registry import Entry, Registry
from rhizome_pipelines.warm_launcher.worker import tag_of
from tests.integration.warm_launcher.world import World


def health(world: World, run_id: str) -> str:
    return world.launcher.check_run_worker_health(world.run(run_id)).status.name


# Terminated


def test_a_run_in_python_code_is_canceled(shared: World) -> None:
    run_id = shared.begin("sleep")
    assert shared.launcher.terminate(run_id)
    assert shared.end_of(run_id).status is DagsterRunStatus.CANCELED
    assert shared.notes(run_id) == [["begun"]]


def test_a_run_inside_a_c_extension_is_killed_and_canceled(shared: World) -> None:
    run_id = shared.begin("in_c")
    worker = shared.worker(run_id)
    shared.launcher.terminate(run_id)
    assert shared.end_of(run_id).status is DagsterRunStatus.CANCELED
    assert not worker.alive


def test_a_run_that_ignores_interrupts_is_killed_with_its_children(shared: World) -> None:
    run_id = shared.begin("deaf")
    child = int(shared.notes(run_id)[0][1])
    shared.launcher.terminate(run_id)
    assert shared.end_of(run_id).status is DagsterRunStatus.CANCELED
    shared.until(lambda: ProcessIdentity.of(child) is None)


def test_a_worker_is_known_as_long_as_it_lives(shared: World) -> None:
    unlaunched = shared.make("quick")
    assert shared.launcher.has_worker(shared.run(unlaunched)) is None
    run_id = shared.begin("sleep")
    assert shared.launcher.has_worker(shared.run(run_id)) is True
    run = shared.run(run_id)
    shared.launcher.terminate(run_id)
    shared.end_of(run_id)
    shared.until(lambda: not shared.launcher.has_worker(run))


def test_a_run_that_has_ended_is_not_terminated(shared: World) -> None:
    run_id = shared.execute("quick")
    assert not shared.launcher.terminate(run_id)
    assert shared.run(run_id).status is DagsterRunStatus.SUCCESS


def test_a_run_that_was_terminated_before_its_worker_began_is_canceled(shared: World) -> None:
    shared.execute("quick")
    run_id = shared.make("quick")
    shared.instance.report_run_canceling(shared.run(run_id))
    ask_without_listening(shared, run_id)
    assert shared.end_of(run_id).status is DagsterRunStatus.CANCELED
    assert shared.notes(run_id) == []


def test_another_process_with_the_pid_of_a_worker_is_left_alone(shared: World) -> None:
    run_id = shared.make("quick")
    me = ProcessIdentity.of(os.getpid())
    assert me is not None
    other = ProcessIdentity(me.pid, "1", me.machine)
    signals = []
    before = signal.signal(signal.SIGINT, lambda *_: signals.append(1))
    try:
        shared.instance.add_run_tags(run_id, tag_of(run_id, other))
        Registry(shared.place).add(Entry(run_id, other, socket=""))
        assert health(shared, run_id) == "FAILED"
        assert shared.launcher.terminate(run_id)
    finally:
        signal.signal(signal.SIGINT, before)
    assert signals == []
    assert shared.run(run_id).status is DagsterRunStatus.CANCELED


def test_a_run_is_terminated_though_its_launcher_was_started_by_a_script_in_the_background(
    world: World,
) -> None:
    """Such a process ignores SIGINT, and so do all that it starts, unless they know better."""
    run_id = world.make("sleep")
    world.elsewhere(
        "import signal\n"
        "    for number in (signal.SIGINT, signal.SIGCHLD): signal.signal(number, signal.SIG_IGN)\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        f"    instance.submit_run({run_id!r}, None)"
    )
    world.until(lambda: world.notes(run_id))
    worker = world.worker(run_id)
    world.launcher.terminate(run_id)
    assert world.end_of(run_id).status is DagsterRunStatus.CANCELED
    # It went by itself: what it says last is there.
    world.until(lambda: "Process for run exited" in world.messages(run_id))
    world.until(lambda: not worker.alive)


# Killed


def test_a_killed_worker_is_a_failure_with_a_sentence(shared: World) -> None:
    run_id = shared.launch("die")
    assert shared.end_of(run_id).status is DagsterRunStatus.FAILURE
    assert "The run's worker was killed by signal 9 (SIGKILL)" in shared.messages(run_id)
    child = int(shared.notes(run_id)[0][1])
    shared.until(lambda: ProcessIdentity.of(child) is None)


def test_code_that_leaves_with_exit_code_0_is_a_failure(shared: World) -> None:
    run_id = shared.launch("leave")
    assert shared.end_of(run_id).status is DagsterRunStatus.FAILURE
    assert "ended with exit code 0" in shared.messages(run_id)


def test_the_launching_process_may_die_as_soon_as_it_has_asked(shared: World) -> None:
    run_id = shared.make("quick")
    shared.elsewhere(f"import os; instance.submit_run({run_id!r}, None); os.kill(os.getpid(), 9)")
    assert shared.end_of(run_id).status is DagsterRunStatus.SUCCESS
    assert len(shared.notes(run_id)) == 1


def test_whoever_asks_may_go_before_he_is_answered(shared: World) -> None:
    shared.execute("quick")
    run_id = shared.make("quick")
    ask_without_listening(shared, run_id)
    assert shared.end_of(run_id).status is DagsterRunStatus.SUCCESS
    shared.submit(run_id)
    assert len(shared.notes(run_id)) == 1


# Its warm process is killed


def test_a_run_goes_on_without_its_warm_process(world: World) -> None:
    run_id = world.begin("sleep")
    world.kill(world.the_warm_one())
    assert health(world, run_id) == "RUNNING"

    # A new run gets a new one.
    world.execute("quick")
    assert health(world, run_id) == "RUNNING"
    world.go_on()
    assert world.end_of(run_id).status is DagsterRunStatus.SUCCESS
    assert world.notes(run_id) == [["begun"], ["done"]]


def test_a_run_without_its_warm_process_can_be_terminated_from_anywhere(world: World) -> None:
    polite, deaf = world.begin("sleep"), world.begin("deaf")
    child = int(world.notes(deaf)[0][1])
    world.kill(world.the_warm_one())
    told = world.elsewhere(
        f"print([instance.run_launcher.terminate(run_id) for run_id in {[polite, deaf]!r}])"
    )
    assert told.split("\n")[0] == "[True, True]"
    for run_id in (polite, deaf):
        assert world.end_of(run_id).status is DagsterRunStatus.CANCELED
    world.until(lambda: ProcessIdentity.of(child) is None)


def test_a_run_whose_warm_process_hangs_can_be_terminated(world: World) -> None:
    run_id = world.begin("deaf")
    worker, warm = world.worker(run_id), world.the_warm_one()
    warm.signal(signal.SIGSTOP)
    assert world.launcher.terminate(run_id)
    assert world.end_of(run_id).status is DagsterRunStatus.CANCELED
    assert worker.gone
    warm.signal(signal.SIGCONT)


def test_a_worker_that_dies_without_its_warm_process_is_found_dead(world: World) -> None:
    run_id = world.begin("sleep")
    worker = world.worker(run_id)
    world.kill(world.the_warm_one())
    world.kill(worker)
    assert health(world, run_id) == "FAILED"
    assert world.elsewhere(
        "print(instance.run_launcher.check_run_worker_health("
        f"instance.get_run_by_id({run_id!r})).status.name)"
    ).split() == ["FAILED"]


def test_a_warm_process_that_is_killed_after_the_fork_has_begun_nothing(world: World) -> None:
    """It cannot write the worker down for a moment, and is killed then."""
    world.execute("quick")
    world.until(lambda: not list(world.place.workers.iterdir()))
    warm = world.the_warm_one()
    run_id = world.make("quick")
    asking = threading.Thread(target=world.submit, args=(run_id,))
    with (world.place.folder / "registry.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asking.start()
        world.until(lambda: psutil.Process(warm.pid).children())
        world.kill(warm)
    asking.join()
    assert world.end_of(run_id).status is DagsterRunStatus.SUCCESS
    assert len(world.notes(run_id)) == 1


# All of it is ended


def test_shutdown_ends_workers_and_warm_processes(world: World) -> None:
    run_id = world.begin("sleep")
    worker, warm = world.worker(run_id), world.the_warm_one()
    world.close()
    assert not worker.alive
    assert not warm.alive


def ask_without_listening(world: World, run_id: str) -> None:
    (path,) = world.place.socket_folder().glob("*.sock")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(encode(Request(Wish.RUN, run_id)))
