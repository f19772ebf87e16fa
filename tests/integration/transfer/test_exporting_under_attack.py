"""An export that is killed at any moment goes on where it was, to the same bytes."""

from dataclasses import replace
from pathlib import Path

import pytest

from rhizome_pipelines.deployment.exporting import archive_stage
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.jobs import Job, JobType
from rhizome_pipelines.stages.runner import StageRunner
from tests.integration.transfer.transfer_world import NOW, Installation, Undisturbed, entries
from tests.unit.stages.runner_world import Fuse, FusedStore, Killed


@pytest.fixture
def job(here: Installation, tmp_path: Path) -> Job:
    texts = {"one": "# One\n\nRoots hold soil.\n", "two": "# Two\n\nTrees hold roots.\n"}
    ids = [
        str(here.process(tmp_path, f"{name}.md", text, connections=False).id)
        for name, text in texts.items()
    ]
    return here.job(JobType.EXPORT_DOCUMENTS, document_ids=ids, includeConnections=True)


def attempt(here: Installation, job: Job, kill_at: int | None) -> tuple[FusedStore, bytes | None]:
    """One process: the objects that it wrote, and the archive if it came to the end."""
    objects = FusedStore(here.services.objects, Fuse(kill_at))
    beside = Undisturbed()
    store = replace(here.store_of(job), objects=objects)
    stage = archive_stage(replace(here.services, objects=objects), job)
    try:
        found = StageRunner(store, beside, beside, lambda: NOW).run(stage)
    except Killed:
        return objects, None
    return objects, here.services.objects.read(str(found.checkpoint.facts["key"]))


def forget(here: Installation, job: Job) -> None:
    here.store_of(job).discard_all()
    here.services.objects.delete(
        [info.key for info in here.services.objects.list(f"{here.user}/exports/")]
    )


def test_killed_anywhere_it_gives_the_same_archive_and_repeats_one_document_at_most(
    here: Installation, job: Job
) -> None:
    undisturbed, expected = attempt(here, job, None)
    assert expected is not None
    forget(here, job)
    for kill_at in range(1, undisturbed.fuse.steps, 3):
        first, none = attempt(here, job, kill_at)
        assert none is None
        second, archive = attempt(here, job, None)
        assert archive == expected
        segments = [key for key in [*first.writes, *second.writes] if key.endswith(".bulk")]
        deleted_at_the_end = 2
        assert len(segments) <= 2 + 1 + deleted_at_the_end
        forget(here, job)


@pytest.mark.parametrize("damage", ["gone", "altered"])
def test_a_segment_that_is_lost_is_collected_again_at_the_next_try(
    here: Installation, job: Job, damage: str
) -> None:
    undisturbed, expected = attempt(here, job, None)
    assert expected is not None
    forget(here, job)
    assert attempt(here, job, undisturbed.fuse.steps // 2)[1] is None
    objects = here.services.objects
    (key, *_) = [
        info.key for info in objects.list(here.store_of(job).keys.prefix) if "bulk" in info.key
    ]
    objects.delete([key])
    if damage == "altered":
        objects.write(key, b"of another process")

    with pytest.raises(TransientError, match="collected again at the next try"):
        attempt(here, job, None)

    assert attempt(here, job, None)[1] == expected


def test_what_was_collected_does_not_change_any_more(here: Installation, job: Job) -> None:
    undisturbed, expected = attempt(here, job, None)
    assert expected is not None
    forget(here, job)
    assert attempt(here, job, undisturbed.fuse.steps - 20)[1] is None
    here.database.execute("update chunks set summary = 'Later.'")
    archive = attempt(here, job, None)[1]
    assert archive is not None
    first = next(name for name in entries(archive) if name.endswith("chunks.json"))
    assert entries(archive)[first] == entries(expected)[first]
