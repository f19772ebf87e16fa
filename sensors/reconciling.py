"""Rows → runs, and runs that ended without a word → rows."""

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets import documents
from jobs import WISHED_JOBS
from resources import ServicesResource
from rhizome_pipelines.deployment.reconciliation import Reconciler
from rhizome_pipelines.deployment.tick import tick
from rhizome_pipelines.run_api import DagsterRuns, RunSource, lasting_instance, run_request


def _reconciling(name: str, description: str) -> SensorDefinition:
    @sensor(
        name=name,
        jobs=WISHED_JOBS,
        minimum_interval_seconds=1,
        default_status=DefaultSensorStatus.RUNNING,
        description=description,
    )
    def reconciling(
        context: SensorEvaluationContext, services: ServicesResource
    ) -> SensorResult | SkipReason:
        with services.open() as opened:
            runs = DagsterRuns(lasting_instance(context), RunSource.of(context))
            reconciler = Reconciler(opened, runs)
            launches = tick(reconciler, opened)
        if not launches:
            return SkipReason(f"No run is asked for: {reconciler.summary()}.")
        return SensorResult(
            run_requests=[run_request(launch) for launch in launches],
            dynamic_partitions_requests=[
                documents.build_add_request(
                    [str(launch.partition) for launch in launches if launch.partition is not None]
                )
            ],
        )

    return reconciling


reconciling_sensor = _reconciling(
    "reconcile_background_jobs",
    "Listens for wishes in background_jobs, launches a run for each that is due, and records the "
    "end of runs that could not do so themselves. Its runs are those with its name as the tag "
    "dagster/sensor_name.",
)
standby_sensor = _reconciling(
    "reconcile_background_jobs_standby",
    "The same once more: takes over at the moment in which the other's tick ends, so that there "
    "is always one that listens.",
)
