"""Housekeeping: what killed jobs left in the storage is removed. No job of a client's."""

from dagster import OpExecutionContext, job, op

from resources import ServicesResource
from rhizome_pipelines.deployment.cleanup import set_right, sweep


@op(
    name="clean_up",
    description="Remove checkpoints that no unfinished job goes on from, and files of deleted "
    "documents; set right documents that were left in processing.",
)
def clean_up_op(context: OpExecutionContext, services: ServicesResource) -> None:
    with services.open() as opened:
        swept, settled = sweep(opened), set_right(opened)
    context.log.info(swept.summary())
    context.log.info(settled.summary())
    context.add_output_metadata(
        {
            "files": swept.files,
            "bytes": swept.bytes,
            "documents_completed": settled.completed,
            "documents_failed": settled.failed,
        }
    )


@job(
    name="clean_up_storage",
    description="Remove what lies in the storage and nobody needs: checkpoints older than "
    "RHIZOME_ORPHAN_HOURS (of failed jobs, RHIZOME_FAILED_CHECKPOINT_DAYS) and files of deleted "
    "documents. It never touches what a live job uses.",
)
def clean_up_storage() -> None:
    clean_up_op()
