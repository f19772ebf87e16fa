"""What is told of a stopped job's checkpoints, and whether the job's row tells the same."""

from collections.abc import Callable
from uuid import UUID

import pytest

from rhizome_pipelines.checkpoints.hashing import sha256
from rhizome_pipelines.deployment.checkpoint_report import CheckpointReport, checkpoint_report
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import JobStatus
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld
from tests.dagster.test_going_on import alter, delete, resumed, stopped, truncate

STAGE_ENDS = [f"stage-{stage}.json" for stage in DOCUMENT_STAGES]


@pytest.fixture
def card_box(launching: LaunchingWorld) -> Document:
    return launching.add(SAMPLES / "card-box.md")


def report(world: LaunchingWorld, job_id: object) -> CheckpointReport:
    assert isinstance(job_id, UUID)
    found = checkpoint_report(world.services, world.job(job_id))
    assert found is not None
    return found


def is_row_true(world: LaunchingWorld, job_id: object) -> bool:
    """Whether the row's checkpoint columns name what is stored, by its very bytes."""
    assert isinstance(job_id, UUID)
    pointer = world.job(job_id).checkpoint
    if pointer is None:
        return False
    stored = world.services.objects.read(pointer.path)
    told = world.job(job_id).progress["checkpoint"]
    return (pointer.path, pointer.hash, pointer.stage) == (
        told["path"],
        sha256(stored)[:16],
        told["stage"],
    )


@pytest.mark.parametrize("ended", range(1, 5))
def test_stopped_behind_a_stage_all_until_there_is_valid_and_skipped(
    launching: LaunchingWorld, card_box: Document, ended: int
) -> None:
    _, job_id = stopped(launching, card_box, STAGE_ENDS[ended - 1])

    seen = report(launching, job_id)

    assert [one.stage for one in seen.checkpoints if one.unit is None] == [*DOCUMENT_STAGES[:ended]]
    assert all(one.valid for one in seen.checkpoints if one.unit is None)
    for one in seen.checkpoints:
        stored = launching.services.objects.read(one.path)
        assert (one.size, one.hash) == (len(stored), sha256(stored)[:16])
    assert seen.skipped == [*DOCUMENT_STAGES[:ended]]
    assert seen.goes_on_in == next(iter(DOCUMENT_STAGES[ended:]), None)
    written = len(launching.watch.written)
    assert launching.work(resumed(launching, job_id)).success
    again = launching.watch.written[written:]
    assert not [end for end in STAGE_ENDS[:ended] for name in again if name.endswith(end)]
    assert checkpoint_report(launching.services, launching.job(UUID(str(job_id)))) is None


@pytest.mark.parametrize("ended", range(1, 5))
def test_what_the_row_says_when_a_job_has_stopped_is_true(
    launching: LaunchingWorld, card_box: Document, ended: int
) -> None:
    job_id = launching.ask(card_box)
    # The stage file lies there and its pointer is written; the next stage finds the wish.
    next_written = ["chunks.json", "embeddings.parquet", "connections", "manifest.json"][ended - 1]
    launching.watch.once_written(next_written, lambda _: launching.wish(job_id, JobStatus.PAUSED))
    (run,) = launching.look_and_launch()
    launching.work(run)

    assert launching.job(job_id).status is JobStatus.PAUSED
    assert is_row_true(launching, job_id)
    assert report(launching, job_id).pointer_fault is None


def test_parts_of_a_stage_in_progress_are_gone_on_with(launching: LaunchingWorld) -> None:
    book = launching.add(SAMPLES / "against-forgetting.pdf")
    _, job_id = stopped(launching, book, ".part.")

    seen = report(launching, job_id)

    parts = [one for one in seen.checkpoints if one.unit is not None]
    assert [one.valid for one in parts] == [True]
    assert (seen.goes_on_in, seen.parts_kept) == (parts[0].stage, 1)
    assert seen.sentence() == f"A resume goes on in {parts[0].stage} after 1 kept part."


@pytest.mark.parametrize("damage", [alter, truncate, delete])
def test_a_damaged_stage_is_told_with_the_reason_and_done_again(
    launching: LaunchingWorld,
    card_box: Document,
    damage: Callable[[LaunchingWorld, Document, str], None],
) -> None:
    _, job_id = stopped(launching, card_box, "stage-embeddings.json")
    damage(launching, card_box, "stage-chunking.json")

    seen = report(launching, job_id)

    assert (seen.skipped, seen.goes_on_in) == (["extraction"], "chunking")
    later = [one for one in seen.checkpoints if one.stage == "embeddings" and one.unit is None]
    assert later[0].reasons == ("chunking, which comes before it, has to be done first",)
    damaged = [one for one in seen.checkpoints if one.stage == "chunking" and one.unit is None]
    if damage is delete:
        assert damaged == []
    else:
        assert damaged[0].reasons
        assert f"({'; '.join(seen.reasons)})" in seen.sentence()


def test_a_pointer_that_is_not_true_is_told(launching: LaunchingWorld, card_box: Document) -> None:
    _, job_id = stopped(launching, card_box, "embeddings.parquet")
    assert report(launching, job_id).pointer_fault is None
    for change, told in (
        ("checkpoint_hash = '0123456789abcdef'", "with the hash 0123456789abcdef"),
        ("last_checkpoint_path = 'elsewhere'", "which is not stored"),
        ("last_checkpoint_path = null", "The row names no checkpoint, though"),
    ):
        launching.services.database.execute(
            f"update background_jobs set {change} where id = %s",  # type: ignore[arg-type]
            (job_id,),
        )
        assert told in (report(launching, job_id).pointer_fault or "")
