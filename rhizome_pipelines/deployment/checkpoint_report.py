"""What is kept of a job's work, whether it is valid, and where a resume would go on: to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rhizome_pipelines.checkpoints.inspection import InspectedCheckpoint
from rhizome_pipelines.checkpoints.results import PartFound
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.deployment.chain import CheckpointChain, checkpoint_chain
from rhizome_pipelines.deployment.offered import work_for
from rhizome_pipelines.deployment.review import REVIEWED, waits_for_review_of
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError, RhizomeError
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus
from rhizome_pipelines.lifecycle.stage_names import StageName


@dataclass(frozen=True)
class SeenCheckpoint:
    """A stage file (`unit` is None) or a part, as it would be judged by the next attempt.

    `size` is in bytes, `hash` the first 16 hex digits of the SHA-256 of the stored bytes;
    `reasons` says why it would not be used, () if it would.
    """

    stage: StageName
    unit: str | None
    path: str
    size: int
    timestamp: datetime
    hash: str | None
    reasons: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether the next attempt would use it."""
        return not self.reasons


@dataclass(frozen=True)
class CheckpointReport:
    """All that is kept of a job, and what the next attempt would make of it."""

    checkpoints: Sequence[SeenCheckpoint] = ()
    skipped: Sequence[StageName] = ()
    """Stages that would be skipped: done and valid."""
    goes_on_in: StageName | None = None
    """The stage that would be worked on next; None if all are done."""
    parts_kept: int = 0
    """Parts of that stage that would be reused."""
    reasons: tuple[str, ...] = ()
    """Why what lies there of that stage is not simply gone on with."""
    pointer_fault: str | None = None
    """How the row's checkpoint columns differ from what is stored; None if they are true."""

    def sentence(self) -> str:
        """What a resume would skip, and what it would do again."""
        if self.goes_on_in is None:
            return "All stages are done; a resume only completes the job."
        skips = f"skips {', '.join(self.skipped)} and " if self.skipped else ""
        parts = f"{self.parts_kept} kept part{'' if self.parts_kept == 1 else 's'}"
        where = f"after {parts}" if self.parts_kept else "from its beginning"
        why = f" ({'; '.join(self.reasons)})" if self.reasons else ""
        return f"A resume {skips}goes on in {self.goes_on_in} {where}{why}."


def checkpoint_report(services: Services, job: Job) -> CheckpointReport | None:
    """Look at what is stored; None for a job that keeps none (done, or one that cannot be begun).

    Reads all that is kept, and opens the stages as an attempt would.
    """
    if job.status is JobStatus.COMPLETED:
        return None
    try:
        work = work_for(services, job)
    except InvalidInputError:
        return None
    stages, store = work.stages, work.checkpoints
    chain = checkpoint_chain(work, job, stages, with_fingerprint=True)
    seen = [
        _judged(store, chain, one, StageName(one.stage))
        for one in store.inspect()
        if one.stage in stages
    ]
    seen.sort(key=lambda one: (stages.index(one.stage), one.unit or ""))
    if chain.broken is not None and waits_for_review_of(store, job, chain.broken):
        return _reviewed(job, seen, stages, chain.broken)
    kept = [one for one in seen if one.stage is chain.broken and one.unit and one.valid]
    return CheckpointReport(
        seen, [*chain.valid], chain.broken, len(kept), chain.reasons, _pointer_fault(job, seen)
    )


def _reviewed(
    job: Job, seen: Sequence[SeenCheckpoint], stages: Sequence[StageName], stage: StageName
) -> CheckpointReport:
    """A text that was edited in its review is no damage: a resume takes it over."""
    told = [replace(one, reasons=()) if one.stage is stage else one for one in seen]
    after = stages[stages.index(stage) + 1]
    why = (f"with {REVIEWED} as it was edited",)
    return CheckpointReport(told, [stage], after, 0, why, _pointer_fault(job, told))


def _judged(
    store: CheckpointStore, chain: CheckpointChain, one: InspectedCheckpoint, stage: StageName
) -> SeenCheckpoint:
    return SeenCheckpoint(
        stage, one.unit, one.path, one.size, one.timestamp, one.hash, _reasons(store, chain, one)
    )


def _reasons(
    store: CheckpointStore, chain: CheckpointChain, one: InspectedCheckpoint
) -> tuple[str, ...]:
    """Of its own, or why the next attempt has no use for it."""
    if one.reasons:
        return one.reasons
    if one.stage in chain.valid:
        return () if one.unit is None else ("its stage is done",)
    if one.stage != chain.broken:
        return (f"{chain.broken}, which comes before it, has to be done first",)
    return chain.reasons if one.unit is None else _reasons_of_part(store, chain, one, one.unit)


def _reasons_of_part(
    store: CheckpointStore, chain: CheckpointChain, one: InspectedCheckpoint, unit: str
) -> tuple[str, ...]:
    if chain.fingerprint is None:
        return chain.reasons or ("its stage cannot be opened",)
    try:
        found = store.read_part(one.stage, unit, chain.fingerprint)
    except RhizomeError as fault:
        return (fault.message,)
    return () if isinstance(found, PartFound) else found.reasons


def _pointer_fault(job: Job, seen: Sequence[SeenCheckpoint]) -> str | None:
    if job.checkpoint is None:
        valid = [one.path for one in seen if one.valid]
        if not valid:
            return None
        return (
            f"The row names no checkpoint, though {len(valid)} are stored that could be gone on "
            f"from, {valid[-1]} the last."
        )
    stored = next((one for one in seen if one.path == job.checkpoint.path), None)
    if stored is None:
        return f"The row names {job.checkpoint.path}, which is not stored."
    if stored.hash != job.checkpoint.hash:
        return (
            f"The row names {job.checkpoint.path} with the hash {job.checkpoint.hash}; what is "
            f"stored has {stored.hash}."
        )
    return None
