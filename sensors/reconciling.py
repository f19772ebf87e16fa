"""Rows → runs, and runs that ended without a word → rows."""

from dagster import (
    AssetKey,
    DefaultSensorStatus,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets import documents
from jobs import process_document
from resources import ServicesResource
from rhizome_pipelines.deployment.reconciliation import LaunchRequest, Reconciler
from rhizome_pipelines.deployment.tick import tick
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES
from rhizome_pipelines.run_api import ATTEMPT_TAG, JOB_TAG, TITLE_TAG, USER_TAG, DagsterRuns


@sensor(
    name="reconcile_background_jobs",
    job=process_document,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Listens for wishes in background_jobs, launches a run for each that is due, and "
    "records the end of runs that could not do so themselves.",
)
def reconciling_sensor(
    context: SensorEvaluationContext, services: ServicesResource
) -> SensorResult | SkipReason:
    with services.open() as opened:
        reconciler = Reconciler(opened, DagsterRuns(context.instance))
        launches = tick(reconciler, opened)
    if not launches:
        return SkipReason(f"Nothing to launch: {reconciler.summary()}.")
    return SensorResult(
        run_requests=[_run_request(launch) for launch in launches],
        dynamic_partitions_requests=[
            documents.build_add_request([str(launch.document_id) for launch in launches])
        ],
    )


def _run_request(launch: LaunchRequest) -> RunRequest:
    whole = list(launch.stages) == list(DOCUMENT_STAGES)
    return RunRequest(
        run_key=f"{launch.job_id}:{launch.attempt}",
        partition_key=str(launch.document_id),
        asset_selection=None if whole else [AssetKey(stage.value) for stage in launch.stages],
        tags={
            JOB_TAG: str(launch.job_id),
            ATTEMPT_TAG: str(launch.attempt),
            USER_TAG: str(launch.user_id),
            TITLE_TAG: launch.title,
        },
    )
