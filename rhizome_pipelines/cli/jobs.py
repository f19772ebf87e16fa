"""`rhizome jobs`: list, show, watch, and the commands to jobs."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.identifying import JOB, WHOLE_OR_BEGINNING
from rhizome_pipelines.cli.interruption import told_what_becomes
from rhizome_pipelines.cli.job_administration import register as register_administration
from rhizome_pipelines.cli.job_commands import register as register_commands
from rhizome_pipelines.cli.job_view import (
    display_type,
    job_json,
    report_json,
    show_job,
    show_tracebacks,
    shown_status,
    type_word,
)
from rhizome_pipelines.cli.output import console, show_json, show_table, told
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.cli.titles import titles
from rhizome_pipelines.cli.watching import watch
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus, JobType
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES, StageName

app = typer.Typer(no_args_is_help=True, help="See and steer jobs.")

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
        alive = AttemptRepository(services.database).alive_among([job.id for job in found])
        named = titles(services, found)
        now = JobRepository(services.database).now()
    if as_json:
        show_json([job_json(job, job.id in alive, now) for job in found])
        return
    show_table(
        None,
        ["id", "type", "title", "status", "percent", "stage", "details", "created"],
        [_row(job, named[job.id], job.id in alive, now) for job in found],
    )


@app.command()
def show(
    job_id: Annotated[str, typer.Argument(help=WHOLE_OR_BEGINNING)],
    traceback: Annotated[
        bool, typer.Option("--traceback", help="With where in the code each attempt failed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one job: its attempts, its checkpoints, and what a resume would do."""
    with told(), context.services() as services:
        # Late: to judge checkpoints takes the stages' own modules.
        from rhizome_pipelines.deployment.checkpoint_report import (  # noqa: PLC0415
            checkpoint_report,
        )

        job = _existing(services, JOB.resolve(services, job_id, services.settings.user))
        attempts = AttemptRepository(services.database).list_for_job(job.id)
        tracebacks = AttemptRepository(services.database).tracebacks(job.id)
        report = checkpoint_report(services, job)
        title = titles(services, [job])[job.id]
        now = JobRepository(services.database).now()
    if not as_json:
        show_job(job, title, attempts, report, now)
        if traceback:
            show_tracebacks(tracebacks)
        return
    stopping = any(attempt.alive for attempt in attempts)
    show_json(
        job_json(job, stopping, now)
        | {
            "attempts": [
                asdict(one) | {"traceback": tracebacks.get(one.number)} for one in attempts
            ],
            "kept": report_json(report),
        }
    )


@app.command("watch")
def watch_jobs(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help=f"{WHOLE_OR_BEGINNING} Default: all under way."),
    ] = None,
) -> None:
    """Watch jobs until they end."""
    with told(), context.services() as services:
        jobs = _to_watch(services, ids or [])
        named = titles(services, jobs)
        watched = [WatchedJob(job.id, job.entity_id or job.id, named[job.id]) for job in jobs]
        if not watched:
            console.print("No job is under way.")
            return
        with told_what_becomes(services, watched):
            watch(services, watched, None, quiet=False)


def _to_watch(services: Services, ids: list[str]) -> list[Job]:
    repository, user = JobRepository(services.database), context.settings().user
    if ids:
        meant = dict.fromkeys(JOB.resolve(services, text, user) for text in ids)
        return [_existing(services, job_id) for job_id in meant]
    return [
        job
        for status in (JobStatus.PROCESSING, JobStatus.PENDING)
        for job in repository.list(user_id=user, status=status, limit=1_000)
    ]


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
        raise InvalidInputError(
            f"There is no job type {text!r}; this version offers {', '.join(JOB_STAGES)}."
        )
    return job_type


def _row(job: Job, title: str, stopping: bool, now: datetime) -> list[object]:
    progress = job.progress
    return [
        job.id,
        display_type(job) if console.is_terminal else type_word(job),
        title,
        shown_status(job, stopping, now),
        progress.get("percent"),
        progress.get("stage"),
        job.error_message or progress.get("details"),
        job.created_at,
    ]


register_commands(app)
register_administration(app)
