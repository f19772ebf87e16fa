"""One run, in a process of its own that was forked from a warm one, or started cold.

It does what `dagster api execute_run` does, with two differences: it says who it is before it does
anything else, and what it has used when it is done.
"""

import atexit
import json
import os
import random
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, MetadataValue
from dagster._cli.utils import get_instance_for_cli
from dagster._core.events import EngineEventData
from dagster._core.instance.ref import InstanceRef
from dagster._grpc.impl import core_execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity

if sys.platform != "win32":
    import resource

WORKER_TAG = ".dagster/warm_worker"
"""Hidden tag of a run: the identity of its worker, and the run's id."""

CPU_TAG = "warm/cpu_seconds"
MEMORY_TAG = "warm/peak_memory_mb"

STATEMENT_TIMEOUT = 60_000
"""Milliseconds that one statement on Dagster's storage may take in a worker."""


_this_process = {"is_worker": False}


def is_worker() -> bool:
    """Whether this process was made for one run, and has no terminal of its own."""
    return _this_process["is_worker"]


def become_a_worker() -> None:
    """What a fresh process has of itself and a forked one must be given: signals, randomness."""
    os.setsid()
    # What was to be done at the warm process' end is the warm process' own.
    atexit._clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    setup_interrupt_handlers()
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()


def finish() -> None:
    """What the end of a program does: wait for threads, run what the run's code has registered.

    `multiprocessing` ends its forked processes in the same way.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()


def worker_of(run: DagsterRun) -> ProcessIdentity | None:
    """The worker that has begun the run, by its tag.

    A run that executes another one anew gets that one's tags, even the hidden ones.
    """
    try:
        told = json.loads(run.tags.get(WORKER_TAG, ""))
        is_its_own = told["run_id"] == run.run_id
    except (ValueError, KeyError, TypeError):
        return None
    return ProcessIdentity.from_json(run.tags[WORKER_TAG]) if is_its_own else None


def tag_of(run_id: str, worker: ProcessIdentity) -> dict[str, str]:
    """What `worker_of` reads."""
    return {WORKER_TAG: json.dumps({**asdict(worker), "run_id": run_id}, sort_keys=True)}


def execute(instance_ref: InstanceRef, run_id: str) -> int:
    """Execute the run; the exit code is 0 when Dagster knows how it ended."""
    _this_process["is_worker"] = True
    me = ProcessIdentity.of(os.getpid())
    if me is None:
        raise RuntimeError("A process does not find itself.")
    with capture_interrupts(), get_instance_for_cli(instance_ref=instance_ref) as instance:
        _keep_a_connection(instance)
        run = _claim(instance, run_id, me)
        if run is None:
            return 0
        try:
            _execute(instance, run)
        finally:
            _tell_what_was_used(instance, run)
    return 0


def _execute(instance: DagsterInstance, run: DagsterRun) -> None:
    origin = run.job_code_origin
    if origin is None:
        instance.report_run_failed(run, "The run does not say where its code is.")
        return
    try:
        for _ in core_execute_run(
            recon_job_from_origin(origin), run, instance, inject_env_vars=True
        ):
            pass
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - on record already, see core_execute_run
        return
    except BaseException as end:
        # an interrupt of Dagster's is a BaseException of its own
        if type(end).__name__ != "DagsterExecutionInterruptedError":
            raise


def _claim(instance: DagsterInstance, run_id: str, me: ProcessIdentity) -> DagsterRun | None:
    """The run, if nobody has begun it; whoever began it has left his tag, dead or alive.

    First the tag, then the look: whoever terminates a run writes that first and looks for the tag
    then, so that one of both sees the other.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return None
    other = worker_of(run)
    if other is not None and other != me:
        if other.gone:
            _report_lost(instance, run, other)
        return None
    instance.add_run_tags(run_id, tag_of(run_id, me))
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return None
    if run.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, "The run was terminated before its worker began.")
        return None
    return run


def _report_lost(instance: DagsterInstance, run: DagsterRun, other: ProcessIdentity) -> None:
    told = f"The run was begun by a worker (pid {other.pid}) that is gone; it is not begun again."
    if run.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, told)
    else:
        instance.report_run_failed(run, told)


def _keep_a_connection(instance: DagsterInstance) -> None:
    """Keep connections to Dagster's storage open, as its web server does.

    Storages that know nothing of that ignore it; Postgres' otherwise connects for each event.
    """
    instance.optimize_for_webserver(
        statement_timeout=STATEMENT_TIMEOUT, pool_recycle=3600, max_overflow=4
    )


def used() -> Mapping[str, float]:
    """What this process and those that it has waited for have used: CPU seconds, megabytes."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": round(own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, 3),
        "peak_memory_mb": megabytes(max(own.ru_maxrss, others.ru_maxrss)),
    }


def megabytes(maxrss: int) -> float:
    """getrusage(2) tells kilobytes on Linux, bytes on macOS."""
    return round(maxrss / (10**6 if sys.platform == "darwin" else 10**3 / 1.024), 1)


def usage_event(usage: Mapping[str, float]) -> EngineEventData:
    """Usage as metadata of an event."""
    metadata: dict[str, Any] = {name: MetadataValue.float(value) for name, value in usage.items()}
    return EngineEventData(metadata={"pid": MetadataValue.int(os.getpid()), **metadata})


def usage_tags(usage: Mapping[str, float]) -> dict[str, str]:
    """Usage as tags, by which runs can be listed and compared."""
    return {CPU_TAG: str(usage["cpu_seconds"]), MEMORY_TAG: str(usage["peak_memory_mb"])}


def _tell_what_was_used(instance: DagsterInstance, run: DagsterRun) -> None:
    usage = used()
    instance.report_engine_event(
        f"Process for run exited (pid: {os.getpid()}): {usage['cpu_seconds']:.2f} s of CPU, "
        f"{usage['peak_memory_mb']:.0f} MB of memory at most.",
        run,
        usage_event(usage),
    )
    instance.add_run_tags(run.run_id, usage_tags(usage))
