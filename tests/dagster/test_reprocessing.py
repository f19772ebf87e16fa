"""A document's connections anew, by the job `reprocess_connections`."""

from uuid import UUID

import pytest

from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import JobStatus, JobType
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld

REPROCESS = JobType.REPROCESS_CONNECTIONS.value


def work(world: LaunchingWorld) -> bool:
    (run,) = world.look_and_launch()
    return world.work(run).success


@pytest.fixture
def forest(launching: LaunchingWorld) -> Document:
    """Processed, with connections to another document."""
    forest = launching.add(SAMPLES / "under-the-forest.md")
    web = launching.add(SAMPLES / "wood-wide-web.html", source_type=SourceType.WEB_URL)
    for document in (web, forest):
        launching.ask(document)
        assert work(launching)
    return forest


def pairs(world: LaunchingWorld) -> dict[tuple[UUID, UUID, str], UUID]:
    rows = world.services.database.all(
        "select * from connections where user_validated is not false"
    )
    return {
        (row["source_chunk_id"], row["target_chunk_id"], row["connection_type"]): row["id"]
        for row in rows
    }


def test_all_gives_the_same_connections_and_keeps_a_backup(
    launching: LaunchingWorld, forest: Document
) -> None:
    before = pairs(launching)
    launching.services.database.execute(
        "update connections set user_starred = true where id = %s", (next(iter(before.values())),)
    )
    job_id = launching.ask(forest, job_type=REPROCESS, mode="all")

    assert work(launching)

    job = launching.job(job_id)
    assert job.status is JobStatus.COMPLETED, job.error_message
    output = job.output_data
    assert pairs(launching).keys() == before.keys()
    assert output["mode"] == "all"
    assert output["connectionsBefore"] == output["connectionsAfter"] > 0
    assert output["backupCreated"] is True
    assert launching.services.objects.info(output["backupPath"]) is not None
    assert output["backupPath"].rpartition("/")[2].startswith("validated-connections-")


def test_smart_keeps_what_a_person_has_judged(launching: LaunchingWorld, forest: Document) -> None:
    (validated, starred, rejected, *_) = pairs(launching).items()
    for column, one in (("user_validated", validated), ("user_starred", starred)):
        launching.services.database.execute(
            f"update connections set {column} = true where id = %s",  # type: ignore[arg-type]
            (one[1],),
        )
    launching.services.database.execute(
        "update connections set user_validated = false where id = %s", (rejected[1],)
    )
    launching.ask(forest, job_type=REPROCESS, mode="smart")

    assert work(launching)

    after = pairs(launching)
    assert after[validated[0]] == validated[1]
    assert after[starred[0]] == starred[1]
    assert rejected[0] not in after, "a rejected pair came back"


def test_bad_input_is_told_before_anything_is_done(
    launching: LaunchingWorld, forest: Document
) -> None:
    before = pairs(launching)
    job_id = launching.ask(forest, job_type=REPROCESS, mode="everything")

    assert launching.look_and_launch() == []

    job = launching.job(job_id)
    assert (job.status, job.error_type) == (JobStatus.FAILED, ErrorType.INVALID)
    assert "smart" in (job.error_message or "")
    assert pairs(launching) == before


def test_paused_in_between_it_goes_on(launching: LaunchingWorld, forest: Document) -> None:
    before = pairs(launching)
    job_id = launching.ask(forest, job_type=REPROCESS, mode="all")
    launching.watch.once_written(
        "stage-detection.json", lambda _: launching.wish(job_id, JobStatus.PAUSED)
    )
    (first,) = launching.look_and_launch()
    assert not launching.work(first).success

    launching.wish(job_id, JobStatus.PENDING)
    (second,) = launching.look_and_launch()

    assert second.parent_run_id == first.run_id
    assert launching.work(second).success
    assert launching.job(job_id).status is JobStatus.COMPLETED
    assert pairs(launching).keys() == before.keys()
