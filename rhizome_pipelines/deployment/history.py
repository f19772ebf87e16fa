"""The purge: old runs, attempts and partitions go, and what somebody still needs stays.

Kept, however old: what is not finished, and every run of a job that is not finished; the run that
holds the newest result of a stage of a document, by which Dagster shows the document as
materialized; a run from which a kept one was re-executed; the last attempt of every job.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from rhizome_pipelines.database import retention
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services

MOST_RUNS = 20_000
"""Runs that one purge removes at the most (some 20 ms each); the rest wait for the next."""


@dataclass(frozen=True)
class OldRun:
    """A finished run. `partition` is a document's id, where the run was about one."""

    run_id: str
    partition: str | None


class RunHistory(Protocol):
    """The part of a history that is kept beside our tables: runs, and partitions by key."""

    def finished_before(self, moment: datetime) -> Iterator[Sequence[OldRun]]:
        """Runs that ended before that, the newest first, in pages whose runs may be deleted."""

    def holding_newest_results(self, partitions: Collection[str]) -> frozenset[str]:
        """The runs that made the newest result of each stage of those partitions."""

    def re_executions(self, run_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
        """The runs made by re-executing each of them, directly or not, that are still there."""

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Remove runs with all that belongs to them."""

    def partitions(self) -> Iterator[Sequence[str]]:
        """All partition keys, in pages whose partitions may be deleted."""

    def in_use(self, partitions: Collection[str]) -> frozenset[str]:
        """Those of the partitions that a run which is not finished works on."""

    def delete_partitions(self, partitions: Sequence[str]) -> None:
        """Remove partitions; their runs stay."""


@dataclass(frozen=True)
class Purged:
    """How much was removed, and how many old runs were kept because something needs them."""

    runs: int = 0
    runs_kept: int = 0
    attempts: int = 0
    partitions: int = 0
    more: bool = False
    """There are more old runs than one purge removes."""

    def summary(self, dry_run: bool = False) -> str:
        """What was done, for a person."""
        told = ", ".join(
            f"{count:,} {what}{'' if count == 1 else 's'}"
            for count, what in (
                (self.runs, "run"),
                (self.attempts, "attempt"),
                (self.partitions, "partition"),
            )
        )
        still = f" Old runs that are still needed: {self.runs_kept:,}." if self.runs_kept else ""
        more = " There are more; purge again." if self.more else ""
        return f"{'Would remove' if dry_run else 'Removed'} {told}.{still}{more}"


def purge(
    services: Services,
    history: RunHistory | None,
    *,
    days: int,
    dry_run: bool = False,
    most_runs: int = MOST_RUNS,
) -> Purged:
    """Remove what is older than so many days, and partitions whose document is gone.

    `history` is None where there has never been a Dagster instance. Safe to break off at any
    moment, and to repeat. With `dry_run` nothing is removed, only counted.
    """
    database = services.database
    before = JobRepository(database).now() - timedelta(days=days)
    purged = Purged()
    if history is not None:
        purged = replace(
            _purge_runs(database, history, before, dry_run, most_runs),
            partitions=_purge_partitions(database, history, dry_run),
        )
    attempts = retention.count_old_attempts if dry_run else retention.delete_old_attempts
    return replace(purged, attempts=attempts(database, before))


def _purge_runs(
    database: Database, history: RunHistory, before: datetime, dry_run: bool, most: int
) -> Purged:
    removed: set[str] = set()
    kept = 0
    for page in history.finished_before(before):
        if len(removed) >= most:
            return Purged(runs=len(removed), runs_kept=kept, more=True)
        needed = _needed(database, history, page)
        descendants = history.re_executions([run.run_id for run in page])
        going = []
        # The newest first: whether a re-execution stays is known before its parent is looked at.
        for run in page:
            if run.run_id in needed or descendants.get(run.run_id, frozenset()) - removed:
                kept += 1
            else:
                going.append(run.run_id)
                removed.add(run.run_id)
        if not dry_run:
            history.delete_runs(going)
    return Purged(runs=len(removed), runs_kept=kept)


def _needed(database: Database, history: RunHistory, page: Sequence[OldRun]) -> frozenset[str]:
    existing = _existing(database, [run.partition for run in page if run.partition is not None])
    return retention.runs_of_unfinished_jobs(
        database, [run.run_id for run in page]
    ) | history.holding_newest_results(existing)


def _purge_partitions(database: Database, history: RunHistory, dry_run: bool) -> int:
    removed = 0
    for page in history.partitions():
        gone = set(page) - _existing(database, page)
        # Without its partition, the work of a run that is still going on would be discarded.
        gone -= history.in_use(gone) if gone else set()
        if not dry_run:
            history.delete_partitions(sorted(gone))
        removed += len(gone)
    return removed


def _existing(database: Database, partitions: Collection[str]) -> frozenset[str]:
    """Those of the partitions whose document has a row."""
    by_id = {document: key for key in partitions if (document := _document_id(key)) is not None}
    return frozenset(
        by_id[document] for document in retention.documents_that_exist(database, list(by_id))
    )


def _document_id(partition: str) -> UUID | None:
    try:
        return UUID(partition)
    except ValueError:
        return None  # somebody added it by hand
