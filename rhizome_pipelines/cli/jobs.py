"""`rhizome jobs`: list, show, watch."""

from typing import Annotated, Any
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import (
    console,
    show_json,
    show_pairs,
    show_table,
    told,
)
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.cli.watching import watch
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import DISPLAY, Attempt, Job, JobStatus, JobType
from rhizome_pipelines.lifecycle.stage_names import StageName

app = typer.Typer(no_args_is_help=True, help="See jobs.")

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("list")
def list_jobs(
    job_type: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    status: Annotated[JobStatus | None, typer.Option(help="Only with this status.")] = None,
    stage: Annotated[StageName | None, typer.Option(help="Only at this stage.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    with told(), context.services() as services:
        found = JobRepository(services.database).list(
            user_id=context.settings().user,
            job_type=_type(job_type),
            status=status,
            stage=stage,
            limit=limit,
        )
        if as_json:
            show_json([_job_json(job) for job in found])
            return
        show_table(
            None,
            ["id", "type", "title", "status", "percent", "stage", "details", "created"],
            [_row(job) for job in found],
        )


@app.command()
def show(job_id: UUID, as_json: AsJson = False) -> None:
    """Show one job with its attempts."""
    with told(), context.services() as services:
        job = _existing(services, job_id)
        attempts = AttemptRepository(services.database).list_for_job(job_id)
        if as_json:
            show_json(_job_json(job) | {"attempts": [_attempt_json(one) for one in attempts]})
            return
        show_pairs(_pairs(job))
        console.print()
        show_table(
            "Attempts",
            ["number", "trigger", "started", "ended", "outcome", "resumed from", "run", "error"],
            [_attempt_row(attempt) for attempt in attempts],
        )


@app.command("watch")
def watch_jobs(
    job_ids: Annotated[list[UUID] | None, typer.Argument(help="Default: all under way.")] = None,
) -> None:
    """Watch jobs until they end."""
    with told(), context.services() as services:
        watched = [_watched(services, job) for job in _to_watch(services, job_ids or [])]
        if not watched:
            console.print("No job is under way.")
            return
        watch(services, watched, None, quiet=False)


def _to_watch(services: Services, job_ids: list[UUID]) -> list[Job]:
    if job_ids:
        return [_existing(services, job_id) for job_id in job_ids]
    repository, user = JobRepository(services.database), context.settings().user
    return [
        job
        for status in (JobStatus.PROCESSING, JobStatus.PENDING)
        for job in repository.list(user_id=user, status=status, limit=1_000)
    ]


def _watched(services: Services, job: Job) -> WatchedJob:
    return WatchedJob(job.id, job.entity_id or job.id, _title(job), done=False)


def _existing(services: Services, job_id: UUID) -> Job:
    job = JobRepository(services.database).get(job_id, user_id=context.settings().user)
    if job is None:
        raise InvalidInputError(f"There is no job {job_id} of this user; see `rhizome jobs list`.")
    return job


def _type(text: str | None) -> JobType | None:
    if text is None:
        return None
    job_type = JobType.parse(text)
    if job_type is None:
        raise InvalidInputError(f"There is no job type {text!r}; known are {', '.join(JobType)}.")
    return job_type


def _display(job: Job) -> str:
    job_type = JobType.parse(job.job_type)
    return f"{DISPLAY[job_type].icon} {DISPLAY[job_type].name}" if job_type else job.job_type


def _title(job: Job) -> str:
    return str(job.output_data.get("documentTitle") or job.metadata.get("title") or job.entity_id)


def _row(job: Job) -> list[object]:
    progress = job.progress
    return [
        str(job.id),
        _display(job),
        _title(job),
        job.status.value,
        progress.get("percent"),
        progress.get("stage"),
        job.error_message or progress.get("details"),
        job.created_at,
    ]


def _pairs(job: Job) -> dict[str, object]:
    pairs: dict[str, object] = {
        "job": str(job.id),
        "type": _display(job),
        "title": _title(job),
        "status": job.status.value,
        "document": str(job.entity_id),
        "progress": f"{job.progress.get('percent', 0)} % {job.progress.get('stage') or ''} "
        f"{job.progress.get('details') or ''}",
        "created": job.created_at,
        "started": job.started_at,
        "completed": job.completed_at,
        "checkpoint": f"{job.checkpoint.path} ({job.checkpoint.hash})" if job.checkpoint else None,
        "error": f"{job.error_type}: {job.error_message}" if job.error_message else None,
    }
    return {name: value for name, value in pairs.items() if value is not None}


def _attempt_row(attempt: Attempt) -> list[object]:
    return [
        attempt.number,
        attempt.trigger.value,
        attempt.started_at,
        attempt.ended_at,
        attempt.outcome.value if attempt.outcome else "alive",
        attempt.resumed_from,
        attempt.run_id,
        attempt.error,
    ]


def _job_json(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "user_id": job.user_id,
        "job_type": job.job_type,
        "status": job.status,
        "entity_id": job.entity_id,
        "progress": job.progress,
        "input_data": job.input_data,
        "metadata": job.metadata,
        "output_data": job.output_data,
        "retry_count": job.retry_count,
        "max_retries": job.max_retries,
        "next_retry_at": job.next_retry_at,
        "error_type": job.error_type,
        "error_message": job.error_message,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "checkpoint": vars(job.checkpoint) if job.checkpoint else None,
    }


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return dict(vars(attempt))
