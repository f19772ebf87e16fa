"""How far a job's checkpoints reach: what its next attempt may skip, and where it must go on."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.deployment.work import Work
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.runner import fingerprint_of


@dataclass(frozen=True)
class CheckpointChain:
    """A job's stages in order, up to the first that is not finished and valid."""

    valid: Mapping[StageName, StageCheckpoint] = field(default_factory=dict)
    """Verified: the bytes of file and outputs, the rows, and that inputs, settings and code are
    still those that they were made under."""
    broken: StageName | None = None
    """The first stage that has to be worked on; None if all are done."""
    reasons: tuple[str, ...] = ()
    """Why what lies there of that stage cannot be used; () if nothing does."""
    fingerprint: Fingerprint | None = None
    """What parts of that stage must have been made under, where asked for and known."""


def checkpoint_chain(
    work: Work, job: Job, stages: Sequence[StageName], *, with_fingerprint: bool = False
) -> CheckpointChain:
    """Look at the stages one after the other, as the attempt would that goes on with the job.

    A stage of which there is no file costs one question to the storage; `with_fingerprint` opens
    that stage too. Raises TransientError where nothing can be known now.
    """
    valid: dict[StageName, StageCheckpoint] = {}
    upstream: StageCheckpoint | None = None
    for stage in stages:
        found = work.checkpoints.read_stage(stage, None, verify_outputs=False)
        if not isinstance(found, StageCheckpoint) and not with_fingerprint:
            return CheckpointChain(valid, stage, () if found.missing else found.reasons)
        checked = _checked(stage, work, job, upstream)
        if isinstance(checked, StageCheckpoint):
            valid[stage] = upstream = checked
            continue
        return CheckpointChain(valid, stage, checked.reasons, checked.fingerprint)
    return CheckpointChain(valid)


@dataclass(frozen=True)
class _NotValid:
    reasons: tuple[str, ...]
    fingerprint: Fingerprint | None = None


def _checked(
    name: StageName, work: Work, job: Job, upstream: StageCheckpoint | None
) -> StageCheckpoint | _NotValid:
    # Nothing is written: the stage is only asked what it depends on.
    nobody, began = Fence(job.id, 0), job.started_at or job.created_at
    with ExitStack() as stack:
        try:
            stage = stack.enter_context(work.open_stage(name, upstream, nobody, began))
            fingerprint = fingerprint_of(stage)
        except (InvalidInputError, PermanentError) as fault:
            # The attempt will tell the person; here it is a stage that cannot be skipped.
            return _NotValid((fault.message,))
        found = work.checkpoints.read_stage(name, fingerprint)
        if not isinstance(found, StageCheckpoint):
            return _NotValid(() if found.missing else found.reasons, fingerprint)
        missing = tuple(stage.missing_effects(found.facts))
        return _NotValid(missing, fingerprint) if missing else found
