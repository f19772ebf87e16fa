"""`rhizome process`: take things in, have them processed, show how it goes and what came out."""

from collections.abc import Sequence
from typing import Annotated, assert_never
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import (
    EXIT_FAILED,
    EXIT_USAGE,
    complain,
    mention,
    show_json,
    told,
)
from rhizome_pipelines.cli.results import read_results, show_results
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.cli.watching import WatchedJob, watch
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.finding import Item, PassedOver, Refused, find_items, shown
from rhizome_pipelines.deployment.intake import (
    Added,
    add_document,
    record_refusal,
    request_processing,
)
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.workforce import workforce
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus, JobType

Named = Annotated[list[str], typer.Argument(help="Files, folders and web addresses.")]
Again = Annotated[bool, typer.Option("--again", help="Process known documents anew.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


def process(named: Named, again: Again = False, as_json: AsJson = False) -> None:
    """Process documents: into markdown, chunks, embeddings and connections.

    The same bytes of the same user are the same document: what is known and done is not done
    again. Uses the deployment that is up, and starts one for as long as needed if there is none.
    """
    with told(), asked_to_end(), context.services() as services:
        taken, refused = _take_in(services, named, again)
        if not taken and not refused:
            raise InvalidInputError(f"There is nothing to process in {', '.join(named)}.")
        waiting = [one for one in taken if not one.done and not one.refused]
        if waiting:
            with workforce(services) as workers:
                watch(services, waiting, workers, quiet=as_json)
        results = read_results(services, context.settings().user, taken)
        if as_json:
            show_json([result.as_json() for result in results])
        else:
            show_results(services, results, reused=sum(one.done for one in taken))
    for one in refused:
        complain(f"{one.named}: {one.error.message}")
    failed = [result for result in results if result.status is not JobStatus.COMPLETED]
    if failed:
        raise typer.Exit(EXIT_FAILED)
    if refused:
        raise typer.Exit(EXIT_USAGE)


def _take_in(
    services: Services, named: Sequence[str], again: bool
) -> tuple[list[WatchedJob], list[Refused]]:
    """The jobs of what was named, and what there is not even a file of."""
    taken: dict[UUID, WatchedJob] = {}
    refused: list[Refused] = []
    for found in find_items(named):
        match found:
            case PassedOver():
                mention(f"{found.count} files of other types in {found.folder} were passed over.")
            case Refused(path=None):
                refused.append(found)
            case Refused():
                job = _refuse(services, found)
                taken[job.document_id] = job
            case Item():
                try:
                    added = add_document(services, context.settings().user, found)
                except InvalidInputError as error:
                    refused.append(Refused(found.label, error))
                    continue
                if added.document.id in taken:
                    mention(f"{found.label} is named twice; once is enough.")
                else:
                    taken[added.document.id] = _job_for(services, found, added, again)
            case _:
                assert_never(found)
    return list(taken.values()), refused


def _refuse(services: Services, refused: Refused) -> WatchedJob:
    job = record_refusal(services, context.settings().user, refused)
    label = shown(refused.path.name) if refused.path is not None else refused.named
    return WatchedJob(job.id, job.entity_id or job.id, label, refused=True)


def _job_for(services: Services, item: Item, added: Added, again: bool) -> WatchedJob:
    """The document's job: the one under way or done, or a new one."""
    known = JobRepository(services.database).latest_for_document(
        added.document.id, JobType.PROCESS_DOCUMENT
    )
    if known is not None and _serves(known, again):
        done = known.status is JobStatus.COMPLETED
        return WatchedJob(known.id, added.document.id, item.label, done=done)
    job = request_processing(services, added.document, item.label)
    return WatchedJob(job.id, added.document.id, item.label, done=False)


def _serves(job: Job, again: bool) -> bool:
    if job.status in (JobStatus.PENDING, JobStatus.PROCESSING):
        return True
    return job.status is JobStatus.COMPLETED and not again
