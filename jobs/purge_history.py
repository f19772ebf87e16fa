"""Housekeeping: old runs, attempts and partitions are removed. No job of a client's."""

from dagster import OpExecutionContext, job, op

from resources import ServicesResource
from rhizome_pipelines.deployment.history import purge
from rhizome_pipelines.run_history import DagsterHistory


@op(
    name="purge",
    description="Remove finished runs, attempts and partitions that are old and needed by nothing.",
)
def purge_op(context: OpExecutionContext, services: ServicesResource) -> None:
    with services.open() as opened:
        history = DagsterHistory(context.instance)
        purged = purge(opened, history, days=opened.settings.history_days)
    context.log.info(purged.summary())


@job(
    name="purge_history",
    description="Remove what is older than RHIZOME_HISTORY_DAYS: finished runs with their events "
    "and logs, attempts; and the partitions of deleted documents. The newest results of every "
    "document stay, and all that belongs to unfinished jobs.",
)
def purge_history() -> None:
    purge_op()
