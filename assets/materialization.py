"""From a walked stage to what Dagster records of it: value, version, metadata, checks."""

from typing import assert_never

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DataVersion,
    Failure,
    MaterializeResult,
)

from assets.previews import stage_metadata
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.deployment.attempt import AttemptSession
from rhizome_pipelines.deployment.faults import explained
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.runner import StageFinished, StageStopped
from rhizome_pipelines.stages.stage import StopReason


def materialize_stage(
    context: AssetExecutionContext,
    attempt: AttemptSession,
    stage: StageName,
    upstream: StageCheckpoint | None,
) -> MaterializeResult[StageCheckpoint]:
    """Walk the stage and tell Dagster of its result and its checks."""
    finished = walked(context.instance, context.run, attempt, stage, upstream)
    return _result(attempt, stage, finished)


def walked(
    instance: DagsterInstance,
    run: DagsterRun,
    attempt: AttemptSession,
    stage: StageName,
    upstream: StageCheckpoint | None,
) -> StageFinished:
    """Walk the stage. A fault fails the run with its sentence; a wish to stop has it canceled."""
    try:
        result = attempt.run_stage(stage, upstream)
    except Exception as fault:
        told = explained(fault)
        raise Failure(
            description=told.message,
            metadata={"error_type": told.error_type.value},
            allow_retries=False,
        ) from fault
    match result:
        case StageStopped():
            raise _stopped(instance, run, result)
        case StageFinished():
            return result
        case _:
            assert_never(result)


def _result(
    attempt: AttemptSession, stage: StageName, finished: StageFinished
) -> MaterializeResult[StageCheckpoint]:
    checks = attempt.check_stage(stage, finished)
    return MaterializeResult(
        value=finished.checkpoint,
        data_version=DataVersion(finished.checkpoint.content_digest[:16]),
        metadata=stage_metadata(attempt, finished),
        check_results=[
            AssetCheckResult(
                passed=not check.faults,
                check_name=check.name,
                asset_key=AssetKey(stage.value),
                severity=AssetCheckSeverity.ERROR,
                description="; ".join(check.faults) or check.passed,
                metadata=dict(check.counts),
            )
            for check in checks
        ],
    )


def _stopped(instance: DagsterInstance, run: DagsterRun, stopped: StageStopped) -> Failure:
    """The failure that makes the run end as canceled, not failed.

    Only so do FROM_FAILURE re-execution and closed compute logs both come out right; raising an
    interrupt instead leaves the logs open.
    """
    instance.report_run_canceling(run, message=_SENTENCES[stopped.reason])
    return Failure(description=_SENTENCES[stopped.reason], allow_retries=False)


_SENTENCES = {
    StopReason.PAUSED: "The job was paused. What is done is kept; resume goes on from there.",
    StopReason.CANCELLED: "The job was cancelled or deleted; nothing more was written.",
    StopReason.SUPERSEDED: "A newer attempt of this job has taken over; nothing more was written.",
    StopReason.SHUTDOWN: "Rhizome is shutting down; the next start goes on from here.",
}
