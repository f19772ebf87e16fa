"""The attempt that a run works for: taken before the first step, ended after the last."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Failure,
    Field,
    InitResourceContext,
    Noneable,
    resource,
)
from dagster._core.execution.plan.objects import ErrorSource
from dagster._utils.interrupts import capture_interrupts

from rhizome_pipelines.deployment.attempt import AttemptSession, RunEnding
from rhizome_pipelines.deployment.faults import explained
from rhizome_pipelines.deployment.opening import RunIdentity, open_attempt
from rhizome_pipelines.deployment.scratch import attempts_scratch
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import ASSET_JOBS, JOB_STAGES, StageName
from rhizome_pipelines.run_api import (
    ATTEMPT_TAG,
    DOCUMENT_PARTITIONS,
    JOB_TAG,
    PARENT_TAG,
    PARTITION_TAG,
)


@resource(
    required_resource_keys={"services"},
    config_schema={
        "input": Field(
            dict,
            is_required=False,
            default_value={},
            description="What a run of ops is to do, if it is one that no row has asked for.",
        ),
        "user": Field(
            Noneable(str), is_required=False, default_value=None, description="Whose job that is."
        ),
    },
)
def attempt_resource(context: InitResourceContext) -> Iterator[AttemptSession | None]:
    """Open the run's attempt, and end it after the last step.

    Runs from the sensor find theirs; runs from Dagster's UI or the command line are adopted.
    What cannot be taken is refused here, in a sentence, before any work.
    """
    run, instance = context.run, context.instance
    if run is None or instance is None:
        raise Failure("An attempt can only be opened inside a Dagster run.")
    record = instance.get_run_by_id(run.run_id)
    if record is not None and record.is_finished:
        # `dagster job execute` builds the resources once more for whoever looks at its result.
        yield None
        return
    with context.resources.services.open() as services:
        try:
            session = open_attempt(services, _identity(run, context.resource_config, services))
        except Exception as fault:
            raise Failure(explained(fault).message, allow_retries=False) from fault
        try:
            if session.work.partition is not None:
                # An unknown partition would let the whole first step run and fail only then.
                instance.add_dynamic_partitions(DOCUMENT_PARTITIONS, [str(session.work.partition)])
            with attempts_scratch(services, session.attempt):
                yield session
        finally:
            # Whoever waited for the job ends the deployment as soon as its row says that it is
            # completed. The clean-up after that is short, and nobody would make up for it.
            with capture_interrupts():
                session.close(_ending(instance, run.run_id))


def _identity(run: DagsterRun, config: Mapping[str, Any], services: Services) -> RunIdentity:
    # Assets that a person materializes are walked by a job of Dagster's own.
    job_type = JobType.parse(run.job_name) or JobType.PROCESS_DOCUMENT
    job_tag = run.tags.get(JOB_TAG)
    return RunIdentity(
        run_id=run.run_id,
        job_type=job_type,
        stages=_stages(run, job_type),
        document_id=_document(run) if job_type in ASSET_JOBS else None,
        input_data=config["input"],
        user_id=_user(config["user"], services) if job_type not in ASSET_JOBS else None,
        job_id=_uuid(job_tag, f"The tag {JOB_TAG} must be a job's id") if job_tag else None,
        attempt=int(run.tags[ATTEMPT_TAG]) if run.tags.get(ATTEMPT_TAG, "").isdigit() else None,
        parent_run_id=run.parent_run_id or run.tags.get(PARENT_TAG),
    )


def _document(run: DagsterRun) -> UUID:
    partition = run.tags.get(PARTITION_TAG)
    if partition is None:
        raise InvalidInputError(
            "This run names no document. Choose one partition (the document's id); on the command "
            'line: --tags \'{"dagster/partition": "<document id>"}\'.'
        )
    return _uuid(partition, "The partition must be a document's id")


def _user(given: str | None, services: Services) -> UUID:
    return services.settings.user if given is None else _uuid(given, "`user` must be a user's id")


def _stages(run: DagsterRun, job_type: JobType) -> Sequence[StageName]:
    """The stages that this run walks: a re-execution has only those not yet done."""
    steps = run.step_keys_to_execute
    if steps is None and run.asset_selection is not None:
        steps = [key.to_user_string() for key in run.asset_selection]
    return [stage for stage in JOB_STAGES[job_type] if steps is None or stage.value in steps]


def _uuid(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInputError(f"{what} (a UUID), not {text[:60]!r}.") from None


def _ending(instance: DagsterInstance, run_id: str) -> RunEnding:
    """How the run ends: the interrupt of a process is told apart from a step's own failure."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status in (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED):
        return RunEnding.TERMINATED
    failures = [
        entry.dagster_event.step_failure_data.error_source
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
        if entry.dagster_event is not None
    ]
    if ErrorSource.INTERRUPT in failures:
        return RunEnding.INTERRUPTED
    return RunEnding.FAILED if failures else RunEnding.OTHER
