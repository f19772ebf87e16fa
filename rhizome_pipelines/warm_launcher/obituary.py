"""Telling Dagster of a worker that died, or was killed, without a word of its own."""

import signal
from collections.abc import Mapping

from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.instance.ref import InstanceRef

from rhizome_pipelines.warm_launcher.worker import usage_event, usage_tags


def describe(status: int) -> str:
    """How a process ended, from its wait status."""
    code = -status if status < 0 else status
    if status >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(code).name
    except ValueError:
        name = "unknown"
    hint = (
        "; if nobody sent it, the machine may have run out of memory"
        if code == signal.SIGKILL
        else ""
    )
    return f"was killed by signal {code} ({name}){hint}"


def report(
    instance_ref: InstanceRef, run_id: str, how: str, usage: Mapping[str, float] | None = None
) -> bool:
    """End the run in Dagster's record, unless it has ended: canceled if that was asked for.

    Whether there was anything to tell.
    """
    with DagsterInstance.from_ref(instance_ref) as instance:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if usage is not None:
            instance.report_engine_event("What the worker had used.", run, usage_event(usage))
            instance.add_run_tags(run_id, usage_tags(usage))
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, f"The run's worker {how}, as was asked for.")
        else:
            instance.report_run_failed(run, f"The run's worker {how}.")
    return True
