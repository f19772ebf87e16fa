"""Tags by which runs tell whose they are, and runs as Dagster's daemon is asked for them."""

from collections.abc import Sequence

from dagster import AssetKey, RunRequest
from dagster._core.storage.tags import (
    PARENT_RUN_ID_TAG,
    RESUME_RETRY_TAG,
    ROOT_RUN_ID_TAG,
)

from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.launch import LaunchRequest
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES, StageName

JOB_TAG = "rhizome/job"
ATTEMPT_TAG = "rhizome/attempt"
USER_TAG = "rhizome/user"
TITLE_TAG = "rhizome/title"
DOCUMENT_PARTITIONS = "documents"
"""Name of the dynamic partitions; a key is a document's id."""

PARTITION_TAG = "dagster/partition"
PARENT_TAG = PARENT_RUN_ID_TAG

DOCUMENT_JOB = JobType.PROCESS_DOCUMENT.value


def run_tags(request: LaunchRequest) -> dict[str, str]:
    """Whose run it is, and of which run it is the re-execution."""
    lineage = {}
    if request.parent is not None:
        lineage = {
            PARENT_RUN_ID_TAG: request.parent.run_id,
            ROOT_RUN_ID_TAG: request.parent.root_run_id,
            RESUME_RETRY_TAG: "true",
        }
    return {
        JOB_TAG: str(request.job_id),
        ATTEMPT_TAG: str(request.attempt),
        USER_TAG: str(request.user_id),
        TITLE_TAG: request.title,
        **lineage,
    }


def asset_selection(request: LaunchRequest) -> frozenset[AssetKey] | None:
    """The assets of all the job's stages; None if they are all that there are, or are ops."""
    if request.partition is None or _is_whole(request, request.stages):
        return None
    return frozenset(AssetKey(stage.value) for stage in request.stages)


def run_request(request: LaunchRequest) -> RunRequest:
    """The run, to be launched by Dagster's daemon.

    A request cannot select steps: a re-execution selects their assets, or walks all ops (what is
    done is reused), and has its parent in its tags only.
    """
    all_of_it = request.partition is None or _is_whole(request, request.steps)
    return RunRequest(
        run_key=request.key,
        job_name=request.job_type.value,
        partition_key=None if request.partition is None else str(request.partition),
        asset_selection=None if all_of_it else [AssetKey(stage.value) for stage in request.steps],
        tags=run_tags(request),
    )


def _is_whole(request: LaunchRequest, stages: Sequence[StageName]) -> bool:
    return list(stages) == list(JOB_STAGES[request.job_type])
