"""Watching jobs until they end: a live bar a document in a terminal, plain lines in a pipe."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rhizome_pipelines.cli.harmless import one_line
from rhizome_pipelines.cli.interruption import OVER
from rhizome_pipelines.cli.output import console
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.database.overview import jobs_by_id
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.workforce import Workforce
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus

LOOK_SECONDS = 0.25
CHECK_SECONDS = 5.0
PATIENCE = 60
"""Seconds that the database may be away."""
SHOWN_BARS = 24
LABEL_CHARACTERS = 42


def watch(
    services: Services, jobs: Sequence[WatchedJob], workers: Workforce | None, *, quiet: bool
) -> None:
    """Return when every job is over, paused or gone. Keeps the workforce at work meanwhile."""
    display = _display(jobs, quiet)
    open_ids = {job.job_id for job in jobs}
    last_check = time.monotonic()
    patience = PATIENCE
    with display:
        while open_ids:
            try:
                found = {job.id: job for job in jobs_by_id(services.database, list(open_ids))}
            except TransientError:
                # A database that restarts is no reason to give up watching.
                patience -= 1
                if patience == 0:
                    raise
                time.sleep(1)
                continue
            patience = PATIENCE
            display.show(found, open_ids)
            open_ids = {key for key in open_ids if key in found and found[key].status not in OVER}
            if workers is not None and time.monotonic() - last_check > CHECK_SECONDS:
                workers.check()
                last_check = time.monotonic()
            if open_ids:
                time.sleep(LOOK_SECONDS)


class _Bars:
    """Live bars; with many jobs only those at work, and one for all."""

    def __init__(self, jobs: Sequence[WatchedJob]) -> None:
        self._labels = {job.job_id: _shortened(job.label) for job in jobs}
        self._tasks: dict[UUID, TaskID] = {}
        self._all_shown = len(jobs) <= SHOWN_BARS
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[stage]:<11}"),
            TextColumn("[dim]{task.fields[details]}[/dim]"),
            TimeElapsedColumn(),
            console=console,
        )
        self._overall = self._progress.add_task(
            f"{len(jobs)} documents", total=len(jobs), stage="", details="", visible=len(jobs) > 1
        )
        if self._all_shown:
            for job in jobs:
                self._task(job.job_id, started=False)

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, found: Mapping[UUID, Job], open_ids: set[UUID]) -> None:
        for job_id in open_ids:
            job = found.get(job_id)
            if job is None:
                self._end(job_id, "deleted")
            elif job.status in OVER:
                self._end(job_id, job.status.value, job)
            elif job.status is JobStatus.PROCESSING:
                self._advance(job)

    def _task(self, job_id: UUID, *, started: bool) -> TaskID:
        if job_id not in self._tasks:
            self._tasks[job_id] = self._progress.add_task(
                self._labels[job_id], total=100, start=started, stage="waiting", details=""
            )
        return self._tasks[job_id]

    def _advance(self, job: Job) -> None:
        task = self._task(job.id, started=True)
        if not self._progress.tasks[self._progress.task_ids.index(task)].started:
            self._progress.start_task(task)
        told = job.progress
        self._progress.update(
            task,
            completed=float(told.get("percent") or 0),
            stage=str(told.get("stage") or "starting"),
            details=_shortened(str(told.get("details") or "")) + _time_left(told),
        )

    def _end(self, job_id: UUID, word: str, job: Job | None = None) -> None:
        task = self._task(job_id, started=True)
        good = job is not None and job.status is JobStatus.COMPLETED
        mark = "[green]✓[/green]" if good else "[red]✗[/red]"
        told = (job.error_message or "") if job is not None and not good else ""
        self._progress.update(
            task,
            description=f"{mark} {self._labels[job_id]}",
            completed=100 if good else None,
            stage=word,
            details=_shortened(told, 70),
            visible=self._all_shown or not good,
        )
        self._progress.stop_task(task)
        self._progress.advance(self._overall)


class _Lines:
    """A line when something changes, for pipes and logs; nothing at all when `quiet`."""

    def __init__(self, jobs: Sequence[WatchedJob], quiet: bool) -> None:
        self._labels = {job.job_id: job.label for job in jobs}
        self._last: dict[UUID, str] = {}
        self._quiet = quiet

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, found: Mapping[UUID, Job], open_ids: set[UUID]) -> None:
        for job_id in sorted(open_ids, key=str):
            told = _line(found.get(job_id))
            if told != self._last.get(job_id) and not self._quiet:
                line = one_line(f"{self._labels[job_id]}: {told}")
                console.print(line, markup=False, soft_wrap=True)
            self._last[job_id] = told


def _display(jobs: Sequence[WatchedJob], quiet: bool) -> "_Bars | _Lines":
    return _Bars(jobs) if console.is_terminal and not quiet else _Lines(jobs, quiet)


def _line(job: Job | None) -> str:
    if job is None:
        return "deleted"
    if job.status is JobStatus.PROCESSING:
        return str(job.progress.get("stage") or "starting")
    if job.error_message and job.status is JobStatus.FAILED:
        return f"failed ({job.error_type}): {job.error_message}"
    return job.status.value


def _time_left(progress: Mapping[str, Any]) -> str:
    """How long it will take yet, once that can be told."""
    seconds = (progress.get("stage_data") or {}).get("seconds_left")
    if not isinstance(seconds, int | float) or seconds < 1:
        return ""
    return f", {seconds:.0f} s left" if seconds < 90 else f", {seconds / 60:.0f} min left"


def _shortened(text: str, length: int = LABEL_CHARACTERS) -> str:
    flat = one_line(text)
    return escape(flat if len(flat) <= length else flat[: length - 1] + "…")
