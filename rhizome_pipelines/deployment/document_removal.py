"""Documents with everything of them are removed; the reset removes all that is unfinished.

The order is such that what is broken off in the middle, a second call finishes: jobs first, whose
attempts are waited for, then files and rows, and the document's own row last. Not removed are
files outside its prefix: exports that contain it, notes in a vault.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol
from uuid import UUID

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.database import administration as jobs
from rhizome_pipelines.database import removal as rows
from rhizome_pipelines.database.administration import Many
from rhizome_pipelines.database.removal import Owned
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.reconcile import SILENCE
from rhizome_pipelines.lifecycle.wording import some

BATCH = 500
"""Files that are removed together."""
STOP_SECONDS = 90.0
"""How long the attempts of deleted jobs are waited for. One that does not stop is silent before:
signs of life are given in the job's row."""
LOOK_SECONDS = 0.25
BEGUN = "The removal of this document was begun and not finished; remove it again."

Told = Callable[[int], None]
"""Called with the number of jobs that are waited for, now and then."""


class Partitions(Protocol):
    """Dagster's partitions, one a document."""

    def existing_partitions(self, partitions: Collection[str]) -> frozenset[str]:
        """Those that there are."""

    def in_use(self, partitions: Collection[str]) -> frozenset[str]:
        """Those that a run which is not finished works on."""

    def delete_partitions(self, partitions: Sequence[str]) -> None:
        """Remove them; their runs stay."""


@dataclass(frozen=True)
class Removed:
    """What went, or would go. Counts of rows, but for `files`, `bytes` and `partitions`."""

    documents: int = 0
    jobs: int = 0
    chunks: int = 0
    connections: int = 0
    annotations: int = 0
    others: int = 0
    """Of `import_pending`, `obsidian_sync_state` and `cached_chunks`."""
    files: int = 0
    bytes: int = 0
    partitions: int = 0
    partitions_in_use: int = 0
    """Left, since a run is still ending in them: without its partition its record would be lost."""
    dry_run: bool = False
    unknown: tuple[UUID, ...] = ()
    """Asked for, and no documents of this user."""

    def __add__(self, other: "Removed") -> "Removed":
        counts = [field.name for field in fields(self)[:-2]]
        return replace(
            self, **{name: getattr(self, name) + getattr(other, name) for name in counts}
        )

    def summary(self) -> str:
        """For a person."""
        told = ", ".join(
            some(count, what)
            for count, what in (
                (self.documents, "document"),
                (self.jobs, "job"),
                (self.chunks, "chunk"),
                (self.connections, "connection"),
                (self.annotations, "annotation"),
                (self.others, "other row"),
                (self.partitions, "partition"),
            )
        )
        verb = "Would remove" if self.dry_run else "Removed"
        sentence = f"{verb} {told}, {some(self.files, 'file')} ({self.bytes:,} bytes)."
        if self.partitions_in_use:
            sentence += (
                f" {some(self.partitions_in_use, 'partition')} of runs that are still ending "
                "will go with the daily purge."
            )
        return sentence


def delete_documents(
    services: Services,
    document_ids: Sequence[UUID],
    user_id: UUID | None,
    partitions: Partitions | None,
    *,
    dry_run: bool = False,
    told: Told = lambda left: None,
) -> Removed:
    """Remove documents with everything of them; those of other users are not there.

    A `user_id` of None is the operator's: anybody's. `partitions` is None where Dagster never ran.
    Raises TransientError when database or storage are away or an attempt does not end, and
    PermanentError when somebody else's rows refer to a document; what has gone then stays gone.
    """
    documents = rows.owned(services.database, document_ids, user_id)
    removed = _remove_all(services, documents, partitions, dry_run, told)
    known = {document.id for document in documents}
    return replace(removed, unknown=tuple(one for one in document_ids if one not in known))


def reset(
    services: Services,
    user_id: UUID | None,
    partitions: Partitions | None,
    *,
    dry_run: bool = False,
    told: Told = lambda left: None,
) -> Removed:
    """Remove every job, and every document that is not completed with everything of it.

    Jobs and documents that come meanwhile stay. Raises as `delete_documents` does.
    """
    database = services.database
    documents = rows.unfinished(database, user_id)
    if dry_run:
        found = _remove_all(services, documents, partitions, dry_run, told)
        return replace(found, jobs=jobs.count(database, Many.ALL, user_id))
    deleted = jobs.delete(database, Many.ALL, user_id)
    _wait(lambda: rows.deleted_at_work(database, user_id, SILENCE), told)
    # An attempt may have completed its document in its last moments.
    still = set(rows.unfinished(database, user_id))
    documents = [document for document in documents if document in still]
    return Removed(jobs=deleted) + _remove_all(services, documents, partitions, dry_run, told)


def _remove_all(
    services: Services,
    documents: Sequence[Owned],
    partitions: Partitions | None,
    dry_run: bool,
    told: Told,
) -> Removed:
    total = Removed(dry_run=dry_run)
    if dry_run:
        for document in documents:
            total += _foreseen(services, document, partitions)
        return total
    # All are asked to stop before any is waited for.
    total += Removed(jobs=_end_jobs(services, documents, told))
    for document in documents:
        total += _remove(services, document, partitions, told)
    return total


def _foreseen(services: Services, document: Owned, partitions: Partitions | None) -> Removed:
    files = [*services.objects.list(_prefix(document))]
    key = str(document.id)
    return Removed(
        documents=1,
        jobs=rows.count_jobs(services.database, [document.id]),
        files=len(files),
        bytes=sum(info.size for info in files),
        partitions=len(partitions.existing_partitions([key])) if partitions is not None else 0,
        **vars(rows.count_contents(services.database, document)),
    )


def _remove(
    services: Services, document: Owned, partitions: Partitions | None, told: Told
) -> Removed:
    # Others may have come since: the documents before this one took their time.
    ended = _end_jobs(services, [document], told)
    rows.mark(services.database, document, BEGUN)
    files, size = _remove_files(services, document)
    contents = rows.delete_contents(services.database, document)
    gone, in_use = _remove_partition(partitions, str(document.id))
    found = rows.delete_row(services.database, document)
    return Removed(
        documents=int(found),
        jobs=ended,
        files=files,
        bytes=size,
        partitions=gone,
        partitions_in_use=in_use,
        **vars(contents),
    )


def _remove_files(services: Services, document: Owned) -> tuple[int, int]:
    """How many files there were, and their bytes."""
    files = [*services.objects.list(_prefix(document))]
    for first in range(0, len(files), BATCH):
        services.objects.delete([info.key for info in files[first : first + BATCH]])
    return len(files), sum(info.size for info in files)


def _remove_partition(partitions: Partitions | None, key: str) -> tuple[int, int]:
    """How many were removed, and how many left because a run is in them."""
    if partitions is None or not partitions.existing_partitions([key]):
        return 0, 0
    if partitions.in_use([key]):
        return 0, 1
    partitions.delete_partitions([key])
    return 1, 0


def _prefix(document: Owned) -> str:
    return DocumentKeys(document.user_id, document.id).prefix


# Jobs


def _end_jobs(services: Services, documents: Sequence[Owned], told: Told) -> int:
    """Delete the jobs about the documents and wait for their attempts; how many jobs they were."""
    database, ids = services.database, [document.id for document in documents]
    deleted: list[UUID] = []

    def at_work() -> int:
        deleted.extend(rows.delete_jobs(database, ids))
        return rows.still_at_work(database, ids, deleted, SILENCE)

    _wait(at_work, told)
    return len(deleted)


def _wait(at_work: Callable[[], int], told: Told) -> None:
    """Wait until no job is at work. Raises TransientError if that takes too long."""
    deadline = time.monotonic() + STOP_SECONDS
    while left := at_work():
        told(left)
        if time.monotonic() >= deadline:
            raise TransientError(
                f"{some(left, 'job')} did not stop within {STOP_SECONDS:.0f} seconds, and nothing "
                "more was removed. Ask again."
            )
        time.sleep(LOOK_SECONDS)
