"""The one module that wraps Dagster's run API: asking what became of runs, by attempt."""

from collections.abc import Iterable, Mapping
from typing import assert_never
from uuid import UUID

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from rhizome_pipelines.lifecycle.jobs import Attempt
from rhizome_pipelines.lifecycle.reconcile import RunState

JOB_TAG = "rhizome/job"
ATTEMPT_TAG = "rhizome/attempt"
USER_TAG = "rhizome/user"
TITLE_TAG = "rhizome/title"
DOCUMENT_PARTITIONS = "documents"
"""Name of the dynamic partitions; a key is a document's id."""

PARTITION_TAG = "dagster/partition"
PARENT_TAG = "dagster/parent_run_id"


class DagsterRuns:
    """What Dagster knows of the runs of attempts."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance

    def states(self, attempts: Iterable[Attempt]) -> Mapping[tuple[UUID, int], RunState]:
        """State of each attempt's run, keyed by (job id, number). Two queries at the most."""
        wanted = list(attempts)
        bound = [attempt.run_id for attempt in wanted if attempt.run_id is not None]
        by_id = {run.run_id: run for run in self._by_ids(bound)}
        return {
            (attempt.job_id, attempt.number): _fold(
                by_id.get(attempt.run_id) if attempt.run_id else self._by_tags(attempt)
            )
            for attempt in wanted
        }

    def _by_ids(self, run_ids: list[str]) -> Iterable[DagsterRun]:
        return self._instance.get_runs(RunsFilter(run_ids=run_ids)) if run_ids else ()

    def _by_tags(self, attempt: Attempt) -> DagsterRun | None:
        """A run that was asked for and has not yet begun to work has told nobody its id."""
        tags = {JOB_TAG: str(attempt.job_id), ATTEMPT_TAG: str(attempt.number)}
        return next(iter(self._instance.get_runs(RunsFilter(tags=tags), limit=1)), None)


def _fold(run: DagsterRun | None) -> RunState:
    if run is None:
        return RunState.UNKNOWN
    match run.status:
        case DagsterRunStatus.SUCCESS:
            return RunState.SUCCEEDED
        case DagsterRunStatus.FAILURE:
            return RunState.FAILED
        case DagsterRunStatus.CANCELED:
            return RunState.CANCELLED
        case (
            DagsterRunStatus.QUEUED
            | DagsterRunStatus.NOT_STARTED
            | DagsterRunStatus.MANAGED
            | DagsterRunStatus.STARTING
            | DagsterRunStatus.STARTED
            | DagsterRunStatus.CANCELING
            | DagsterRunStatus.SUSPENDED
        ):
            return RunState.ALIVE
        case _:
            assert_never(run.status)
