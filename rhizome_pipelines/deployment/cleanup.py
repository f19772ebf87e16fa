"""Checkpoints that nobody needs any more are removed; documents that were left behind, set right.

A job's checkpoints go when it completes (its attempt sees to that), is cancelled or deleted (the
reconciler does). The sweep finds what is left of those that were killed in between, and what
outlives its retention:

- stage files and parts of a document that no unfinished job is about, once they have lain for
  `orphan_hours`; a job that failed for good keeps them for `failed_checkpoint_days`;
- all files of a document whose row is gone, those in its folders too, and what jobs without a
  document have kept under their own id, once they have lain for `orphan_hours` and no unfinished
  job is about them;
- archives of exports, and uploads that no import will read (`archive_cleanup`);
- temporary files of killed attempts and commands (`scratch`);
- attempts of deleted jobs that the reconciler has not come to.

Files under other names are never touched, and neither is what a live job uses.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from uuid import UUID

from rhizome_pipelines.checkpoints.keys import (
    DocumentKeys,
    parse_checkpoint_name,
    parse_document_key,
)
from rhizome_pipelines.checkpoints.objects import ObjectInfo
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database import cleanup as rows
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.retention import documents_that_exist
from rhizome_pipelines.deployment.archive_cleanup import due_archives
from rhizome_pipelines.deployment.scratch import sweep_scratch
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES
from rhizome_pipelines.lifecycle.wording import some

BATCH = 500
"""Files that are removed together; whether they are needed is asked again before each batch."""


@dataclass(frozen=True)
class Swept:
    """Files that went, or would go, and why: a document's, or one archive."""

    prefix: str
    files: int
    bytes: int
    why: str


@dataclass(frozen=True)
class Sweep:
    """What a sweep has removed."""

    swept: Sequence[Swept] = ()
    dry_run: bool = False

    @property
    def files(self) -> int:
        """In all."""
        return sum(one.files for one in self.swept)

    @property
    def bytes(self) -> int:
        """In all."""
        return sum(one.bytes for one in self.swept)

    def summary(self) -> str:
        """For a person."""
        verb = "Would remove" if self.dry_run else "Removed"
        return f"{verb} {some(self.files, 'file')} ({self.bytes:,} bytes)."


def discard_for(services: Services, job_id: UUID, user_id: UUID, document_id: UUID | None) -> bool:
    """Remove the checkpoints of a cancelled or deleted job; its finals stay.

    False, and nothing is removed, if another unfinished job may go on from them.
    """
    # A job without a document keeps its checkpoints under its own id; one with, may.
    services.job_checkpoints(user_id, job_id).discard_all()
    if document_id is None:
        return True
    if rows.documents_needed(services.database, [document_id], but_not_by=job_id):
        return False
    document = DocumentRepository(services.database).get(user_id, document_id)
    if document is None:
        # Its row is gone too: the sweep takes all of its files, once they are old enough.
        return False
    services.checkpoints(document).discard_all()
    return True


def sweep(services: Services, *, dry_run: bool = False) -> Sweep:
    """Walk through the storage and remove what nobody needs; safe to break off and to repeat.

    Raises StorageUnavailableError. The memory it takes is that of one document's listing.
    """
    now = JobRepository(services.database).now()
    old = now - timedelta(hours=services.settings.orphan_hours)
    # First, since it can be done even if the storage does not answer.
    swept = [
        Swept(f"scratch/{left.name}", left.files, left.bytes, "left by a process that was killed")
        for left in sweep_scratch(services, dry_run=dry_run)
    ]
    for batch in _batches(services):
        if isinstance(batch, _Others):
            swept += _sweep_archives(services, batch, now, dry_run)
        else:
            swept += _sweep_batch(services, batch, old, dry_run)
    return Sweep(swept, dry_run)


@dataclass(frozen=True)
class _Prefix:
    """The files that lie under one document's prefix."""

    user_id: UUID
    document_id: UUID
    prefix: str
    files: Sequence[ObjectInfo]

    def is_checkpoint(self, key: str) -> bool:
        keys = DocumentKeys(self.user_id, self.document_id)
        return keys.holds(key) and parse_checkpoint_name(key) is not None


@dataclass(frozen=True)
class _Others:
    """Files that are no document's."""

    files: Sequence[ObjectInfo]


def _batches(services: Services) -> Iterator[Sequence[_Prefix] | _Others]:
    """Documents' files, a number of documents at a time, and others, in the order of their keys."""
    batch: list[_Prefix] = []
    listed = services.objects.list("")
    for owner, group in groupby(listed, key=lambda info: parse_document_key(info.key)):
        if owner is None:
            while files := [*islice(group, BATCH)]:
                yield _Others(files)
            continue
        user_id, document_id = owner
        batch.append(_Prefix(user_id, document_id, f"{user_id}/{document_id}/", [*group]))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _sweep_archives(
    services: Services, others: _Others, now: datetime, dry_run: bool
) -> list[Swept]:
    due = due_archives(services, others.files, now)
    if not dry_run:
        services.objects.delete([info.key for info, _ in due])
    return [Swept(info.key, 1, info.size, why) for info, why in due]


def _sweep_batch(
    services: Services, batch: Sequence[_Prefix], old: datetime, dry_run: bool
) -> list[Swept]:
    ids = [one.document_id for one in batch]
    existing = documents_that_exist(services.database, ids)
    swept = []
    for one in batch:
        gone = one.document_id not in existing
        files = [
            info
            for info in one.files
            if info.modified < old and (gone or one.is_checkpoint(info.key))
        ]
        if not files or not _is_due(services, one.document_id):
            continue
        why = "the document, or the job, is gone" if gone else "no unfinished job goes on from them"
        if not dry_run:
            files = _remove(services, one, files, gone)
        swept.append(Swept(one.prefix, len(files), sum(info.size for info in files), why))
    return [one for one in swept if one.files]


def _remove(
    services: Services, one: _Prefix, files: Sequence[ObjectInfo], gone: bool
) -> list[ObjectInfo]:
    """Remove in batches, asking again before each; what was removed."""
    removed: list[ObjectInfo] = []
    for first in range(0, len(files), BATCH):
        back = gone and documents_that_exist(services.database, [one.document_id])
        if back or not _is_due(services, one.document_id):
            break
        batch = files[first : first + BATCH]
        services.objects.delete([info.key for info in batch])
        removed += batch
    if removed:
        rows.forget_pointers(services.database, [one.document_id])
    return removed


def _is_due(services: Services, document_id: UUID) -> bool:
    days = timedelta(days=services.settings.failed_checkpoint_days)
    return bool(rows.with_checkpoints_due(services.database, [document_id], days))


# Documents


STUCK_FOR = timedelta(minutes=5)
"""How long a document must have been left alone: its job may be about to be inserted."""


@dataclass(frozen=True)
class SetRight:
    """Documents that were said to be in processing and were not."""

    completed: int = 0
    failed: int = 0
    dry_run: bool = False
    documents: Sequence[UUID] = ()

    def summary(self) -> str:
        """For a person."""
        verb = "Would set" if self.dry_run else "Set"
        return (
            f"{verb} {some(self.completed + self.failed, 'document')} right: "
            f"{self.completed:,} completed, {self.failed:,} failed."
        )


LEFT_BEHIND = "Processing stopped without an end; process the document again."
GIVEN_UP = "Its job was cancelled or deleted; process the document again."


def set_right(
    services: Services,
    user_id: UUID | None = None,
    *,
    dry_run: bool = False,
    since: timedelta = STUCK_FOR,
) -> SetRight:
    """Find documents in processing that no unfinished job is about, and say what they are.

    Those of one user, or, if `user_id` is None, everybody's.
    Completed, if all of their results are there and verified; else failed, with a sentence.
    """
    counted: Counter[str] = Counter()
    touched: list[UUID] = []
    limit = None if dry_run else BATCH
    while stuck := rows.stuck_documents(services.database, user_id, since, limit):
        for document in stuck:
            status = _standing(services, document)
            if dry_run or _settle(services, document, status, LEFT_BEHIND):
                counted[status] += 1
                touched.append(document.id)
        if dry_run or len(stuck) < BATCH:
            break
    return SetRight(counted["completed"], counted["failed"], dry_run, touched)


def set_given_up_right(services: Services, user_id: UUID, document_id: UUID | None) -> None:
    """The same for one document, and at once: its job was cancelled or deleted.

    Nothing if it is not said to be in processing, or if another unfinished job is about it.
    """
    if document_id is None:
        return
    for one in rows.stuck_documents(services.database, user_id, timedelta(), 1, document_id):
        _settle(services, one, _standing(services, one), GIVEN_UP)


def _standing(services: Services, stuck: rows.StuckDocument) -> str:
    return "completed" if _has_finals(services, stuck) else "failed"


def _settle(services: Services, stuck: rows.StuckDocument, status: str, why: str) -> bool:
    error = None if status == "completed" else why
    return rows.settle_document(services.database, stuck, status, error)


def _has_finals(services: Services, stuck: rows.StuckDocument) -> bool:
    store = CheckpointStore(services.objects, DocumentKeys(stuck.user_id, stuck.id))
    return all(
        isinstance(store.read_manifest_record(stage), StageCheckpoint)
        for stage in DOCUMENT_STAGES[:-1]
    )
