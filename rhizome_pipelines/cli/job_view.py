"""How one job is shown: what it is, when it goes on and why, its attempts, its checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rhizome_pipelines.cli.output import console, show_pairs, show_table
from rhizome_pipelines.lifecycle.jobs import DISPLAY, Attempt, Job, JobStatus, JobType

if TYPE_CHECKING:
    from rhizome_pipelines.deployment.checkpoint_report import CheckpointReport

STOPPING = {
    JobStatus.PAUSED: "pausing",
    JobStatus.CANCELLED: "stopping",
    JobStatus.FAILED: "stopping",
    JobStatus.COMPLETED: "stopping",
    JobStatus.PENDING: "stopping",
}


def shown_status(job: Job, stopping: bool, now: datetime) -> str:
    """What a person calls the job's state; `stopping`: an attempt is still alive."""
    if stopping and job.status in STOPPING:
        return STOPPING[job.status]
    if job.next_retry_at is not None:
        at = job.next_retry_at.astimezone().strftime("%H:%M:%S")
        if job.status is JobStatus.FAILED and job.retry_count < job.max_retries:
            return f"retry at {at}"
        if job.status is JobStatus.PENDING and job.next_retry_at > now:
            return f"waiting until {at}"
    return job.status.value


def display_type(job: Job) -> str:
    """Icon and name of the job's type."""
    job_type = JobType.parse(job.job_type)
    return f"{DISPLAY[job_type].icon} {DISPLAY[job_type].name}" if job_type else job.job_type


def type_word(job: Job) -> str:
    """The job's type for programs, in the spelling that is written today."""
    return JobType.parse(job.job_type) or job.job_type


def next_try(job: Job, now: datetime) -> str | None:
    """When the job is tried again and why; None if it is not by itself."""
    if job.next_retry_at is None:
        return None
    at = job.next_retry_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    seconds = max(0.0, (job.next_retry_at - now).total_seconds())
    when = f"at {at} (in {seconds:.0f} s)"
    if job.status is JobStatus.FAILED and job.retry_count < job.max_retries:
        return (
            f"{when}, retry {job.retry_count + 1} of {job.max_retries}, because: "
            f"{job.error_message}"
        )
    if job.status is JobStatus.PENDING and job.waits_for is not None:
        return f"{when}, when {job.waits_for} is tried again; no retry is used. {job.error_message}"
    return when if job.status is JobStatus.PENDING else None


def show_job(
    job: Job,
    title: str,
    attempts: Sequence[Attempt],
    report: "CheckpointReport | None",
    now: datetime,
) -> None:
    """Print all that is known of the job."""
    stopping = any(attempt.alive for attempt in attempts)
    about = {"job": str(job.id), "type": display_type(job), "title": title}
    show_pairs(about | _pairs(job, shown_status(job, stopping, now), report, now))
    console.print()
    show_table(
        "Attempts",
        ["number", "trigger", "started", "ended", "outcome", "resumed from", "run", "error"],
        [_attempt_row(attempt) for attempt in attempts],
    )
    if report is not None and report.checkpoints:
        console.print()
        show_table(
            "Checkpoints",
            ["stage", "part", "time", "bytes", "hash", "valid", "why not"],
            [
                [
                    one.stage.value,
                    one.unit or "(the whole stage)",
                    one.timestamp,
                    one.size,
                    one.hash,
                    one.valid,
                    "; ".join(one.reasons) or None,
                ]
                for one in report.checkpoints
            ],
        )


def show_tracebacks(tracebacks: Mapping[int, str]) -> None:
    """Print where in the code attempts failed, by their numbers, as Python tells it."""
    for number, text in tracebacks.items():
        console.print()
        console.print(f"Traceback of attempt {number}")
        console.print(text.rstrip(), markup=False, soft_wrap=True)


def _pairs(
    job: Job, status: str, report: "CheckpointReport | None", now: datetime
) -> dict[str, object]:
    pairs: dict[str, object] = {
        "status": status,
        "document": str(job.entity_id) if job.entity_id else None,
        "progress": f"{job.progress.get('percent', 0)} % {job.progress.get('stage') or ''} "
        f"{job.progress.get('details') or ''}",
        "created": job.created_at,
        "started": job.started_at,
        "completed" if job.status is JobStatus.COMPLETED else "ended": job.completed_at,
        "paused": f"{job.pause_reason or 'by a client'}"
        if job.status is JobStatus.PAUSED
        else None,
        "next try": next_try(job, now),
        "retries": f"{job.retry_count} of {job.max_retries}" if job.retry_count else None,
        "checkpoint": f"{job.checkpoint.path} ({job.checkpoint.hash})" if job.checkpoint else None,
        "resume": report.sentence() if report is not None else None,
        "pointer": report.pointer_fault if report is not None else None,
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


def job_json(job: Job, stopping: bool, now: datetime) -> dict[str, Any]:
    """The job for programs."""
    return {
        "id": job.id,
        "user_id": job.user_id,
        "job_type": job.job_type,
        "status": job.status,
        "shown_status": shown_status(job, stopping, now),
        "entity_id": job.entity_id,
        "progress": job.progress,
        "input_data": job.input_data,
        "metadata": job.metadata,
        "output_data": job.output_data,
        "retry_count": job.retry_count,
        "max_retries": job.max_retries,
        "next_retry_at": job.next_retry_at,
        "next_try": next_try(job, now),
        "waits_for": job.waits_for,
        "error_type": job.error_type,
        "error_message": job.error_message,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "paused_at": job.paused_at,
        "pause_reason": job.pause_reason,
        "resume_count": job.resume_count,
        "checkpoint": asdict(job.checkpoint) if job.checkpoint else None,
    }


def report_json(report: "CheckpointReport | None") -> dict[str, Any] | None:
    """The checkpoints for programs; None for a job that keeps none."""
    if report is None:
        return None
    return {
        "checkpoints": [asdict(one) | {"valid": one.valid} for one in report.checkpoints],
        "resume": {
            "skips": list(report.skipped),
            "goes_on_in": report.goes_on_in,
            "parts_kept": report.parts_kept,
            "reasons": list(report.reasons),
            "sentence": report.sentence(),
        },
        "pointer_fault": report.pointer_fault,
    }
