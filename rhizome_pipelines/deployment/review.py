"""The review of a text between extraction and chunking: asked for by the job, done by a person.

The job pauses itself; what the person then writes to `content.md` is what it goes on with.
"""

from datetime import datetime

from rhizome_pipelines.checkpoints.objects import ObjectMissingError
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.lifecycle.errors import PermanentError
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.stage_names import StageName

REVIEWED = "content.md"
TAKEN_OVER = {"review": "done"}
"""What the job's progress says once it has gone on from its review."""


def waits_for_review_of(checkpoints: CheckpointStore, job: Job, stage: StageName) -> bool:
    """Whether a resume would take what lies there now as the stage's result; nothing is changed."""
    if stage is not StageName.EXTRACTION or not job.review_asked:
        return False
    try:
        checkpoints.edited(stage, REVIEWED, job.updated_at)
    except (PermanentError, ObjectMissingError):
        return False
    return True


def take_over_edit(checkpoints: CheckpointStore, job: Job, now: datetime) -> None:
    """Make what lies under `content.md` now the stage's result, if the job waits in its review.

    An edit is a new input with a hash of its own, and no damage. To be done before the checkpoints
    are looked at; may be done again. Raises PermanentError if the rest of the stage's checkpoint
    cannot be used: to extract again would overwrite what the person has written.
    """
    if job.review_asked:
        checkpoints.accept_edit(StageName.EXTRACTION, REVIEWED, now)
