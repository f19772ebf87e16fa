"""`rhizome process`: take things in, have them processed, show how it goes and what came out."""

from collections.abc import Sequence
from typing import assert_never
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.interruption import told_what_becomes, work_through
from rhizome_pipelines.cli.output import (
    EXIT_FAILED,
    EXIT_USAGE,
    complain,
    mention,
    show_json,
    told,
)
from rhizome_pipelines.cli.results import WatchedJob, read_results, show_results
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.deployment.finding import PassedOver, Refused, find_items, shown
from rhizome_pipelines.deployment.intake import (
    Added,
    record_refusal,
    request_processing,
    take_in,
)
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import JobStatus
from rhizome_pipelines.lifecycle.wording import some


def process_named(named: Sequence[str], *, again: bool, as_json: bool) -> None:
    """Process what is named; fail if any of it failed, or could not be taken in."""
    with told(), asked_to_end(), context.services() as services:
        taken: dict[UUID, WatchedJob] = {}
        gave_up = None
        with told_what_becomes(services, taken.values()):
            refused = _take_in(services, named, again, taken)
            if not taken and not refused:
                raise InvalidInputError(f"There is nothing to process in {', '.join(named)}.")
            waiting = [one for one in taken.values() if not one.done and not one.refused]
            if waiting:
                gave_up = work_through(services, waiting, quiet=as_json)
        results = read_results(services, services.settings.user, [*taken.values()])
        if as_json:
            show_json([result.as_json() for result in results])
        else:
            show_results(services, results, reused=sum(one.done for one in taken.values()))
        if gave_up is not None:
            raise gave_up
    for one in refused:
        complain(f"{one.named}: {one.error.message}")
    failed = [result for result in results if result.status is not JobStatus.COMPLETED]
    if failed:
        raise typer.Exit(EXIT_FAILED)
    if refused:
        raise typer.Exit(EXIT_USAGE)


def _take_in(
    services: Services, named: Sequence[str], again: bool, taken: dict[UUID, WatchedJob]
) -> list[Refused]:
    """Add the jobs of what was named, by document; tell what there is not even a file of."""
    refused: list[Refused] = []
    for one in take_in(services, services.settings.user, find_items(named)):
        match one:
            case PassedOver():
                verb = "was" if one.count == 1 else "were"
                files = some(one.count, "file")
                mention(f"{files} of other types in {one.folder} {verb} passed over.")
            case Refused(path=None):
                refused.append(one)
            case Refused():
                job = _refuse(services, one)
                taken[job.document_id] = job
            case Added() if one.document.id in taken:
                mention(f"{one.item.label} is named twice; once is enough.")
            case Added():
                taken[one.document.id] = _job_for(services, one, again)
            case _:
                assert_never(one)
    return refused


def _refuse(services: Services, refused: Refused) -> WatchedJob:
    job = record_refusal(services, services.settings.user, refused)
    label = shown(refused.path.name) if refused.path is not None else refused.named
    return WatchedJob(job.id, job.entity_id or job.id, label, refused=True)


def _job_for(services: Services, added: Added, again: bool) -> WatchedJob:
    """The document's job: the one under way or done, or a new one."""
    document, label = added.document, added.item.label
    known = added.newest_job
    if known is not None and _serves(known.status, again):
        return WatchedJob(known.id, document.id, label, done=known.status is JobStatus.COMPLETED)
    job = request_processing(services, document, label)
    return WatchedJob(job.id, document.id, label, done=False)


def _serves(status: JobStatus, again: bool) -> bool:
    if status in (JobStatus.PENDING, JobStatus.PROCESSING):
        return True
    return status is JobStatus.COMPLETED and not again
