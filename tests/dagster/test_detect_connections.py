"""Connections anew, by a job of their own: the stage alone, on the document's partition."""

from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from dagster import DagsterEventType

from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, JobStatus, JobType
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld

DETECT = JobType.DETECT_CONNECTIONS.value


@pytest.fixture
def card_box(launching: LaunchingWorld) -> Document:
    return launching.add(SAMPLES / "card-box.md")


def processed(world: LaunchingWorld, document: Document, **input_data: object) -> None:
    world.ask(document, **input_data)
    (run,) = world.look_and_launch()
    assert world.work(run).success


def test_only_the_connections_are_made(launching: LaunchingWorld, card_box: Document) -> None:
    processed(launching, card_box, detectConnections=False)
    job_id = launching.ask(card_box, job_type=DETECT)

    (run,) = launching.look_and_launch()

    assert run.job_name == DETECT
    assert run.tags["dagster/partition"] == str(card_box.id)
    assert launching.work(run).success
    walked = launching.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_START)
    assert [entry.step_key for entry in walked] == ["connections"]
    job = launching.job(job_id)
    assert job.status is JobStatus.COMPLETED
    assert job.progress["percent"] == 100
    assert job.output_data["connectionCount"] >= 0
    assert set(launching.digests(card_box)) >= {"extraction", "embeddings", "connections"}


def test_it_sees_what_has_come_since(launching: LaunchingWorld) -> None:
    forest = launching.add(SAMPLES / "under-the-forest.md")

    def connections() -> int:
        row = launching.services.database.first(
            "select count(*) as found from connections c join chunks s on s.id = c.source_chunk_id "
            "where s.document_id = %s",
            (forest.id,),
        )
        assert row is not None
        return int(row["found"])

    processed(launching, forest)
    web = launching.add(SAMPLES / "wood-wide-web.html", source_type=SourceType.WEB_URL)
    processed(launching, web, detectConnections=False)
    assert connections() == 0, "nobody has looked yet"
    launching.ask(forest, job_type="detect-connections")
    (run,) = launching.look_and_launch()

    assert launching.work(run).success
    assert connections() > 0


def test_some_chunks_are_looked_at_alone(launching: LaunchingWorld) -> None:
    forest = launching.add(SAMPLES / "under-the-forest.md")
    processed(launching, forest)
    web = launching.add(SAMPLES / "wood-wide-web.html", source_type=SourceType.WEB_URL)
    processed(launching, web)
    database = launching.services.database
    whole = rows(launching)
    chosen = sorted({one["source_chunk_id"] for one in whole if one["document_id"] == forest.id})[0]
    database.execute("delete from connections where strength < 0.6")
    weak = [one for one in whole if one["strength"] < 0.6 and chosen in ends(one)]
    others = [one for one in whole if one["strength"] >= 0.6]

    job_id = launching.ask(forest, job_type=DETECT, chunk_ids=[str(chosen)])
    (run,) = launching.look_and_launch()
    assert launching.work(run).success

    assert sorted(rows(launching), key=ends) == sorted([*others, *weak], key=ends)
    assert weak, "there was something to be found"
    assert launching.job(job_id).output_data["connectionCount"] == len(others) + len(weak)
    key = launching.store(forest).keys.file("connections.parquet")
    with launching.services.objects.local_copy(key) as path:
        kept = pd.read_parquet(path)
    assert len(kept) == len(others) + len(weak), "the file is the whole document's"
    launching.ask(forest, job_type=DETECT)
    (run,) = launching.look_and_launch()
    assert launching.work(run).success
    assert sorted(rows(launching), key=ends) == sorted(whole, key=ends)


def rows(world: LaunchingWorld) -> list[dict[str, Any]]:
    return world.services.database.all(
        "select s.document_id, x.source_chunk_id, x.target_chunk_id, x.connection_type, "
        "x.strength, x.metadata from connections x join chunks s on s.id = x.source_chunk_id"
    )


def ends(row: dict[str, Any]) -> tuple[UUID, UUID, str]:
    return row["source_chunk_id"], row["target_chunk_id"], row["connection_type"]


@pytest.mark.parametrize(
    "chunk_ids", [[], "all", [7], ["no id"], ["00000000-0000-4000-8000-000000000009"]]
)
def test_chunks_that_are_not_the_documents_are_refused(
    launching: LaunchingWorld, card_box: Document, chunk_ids: object
) -> None:
    processed(launching, card_box, detectConnections=False)
    job_id = launching.ask(card_box, job_type=DETECT, chunk_ids=chunk_ids)
    assert launching.look_and_launch() == []
    job = launching.job(job_id)
    assert (job.status, job.error_type) == (JobStatus.FAILED, ErrorType.INVALID)
    assert "chunk_ids" in (job.error_message or "")


def test_it_is_paused_and_gone_on_with(launching: LaunchingWorld, card_box: Document) -> None:
    processed(launching, card_box)
    job_id = launching.ask(card_box, job_type=DETECT)
    launching.watch.once_written(
        "stage-connections.json", lambda _: launching.wish(job_id, JobStatus.PAUSED)
    )
    (first,) = launching.look_and_launch()
    assert not launching.work(first).success
    assert launching.job(job_id).status is JobStatus.PAUSED

    launching.wish(job_id, JobStatus.PENDING)
    (second,) = launching.look_and_launch()

    assert second.parent_run_id == first.run_id
    assert launching.work(second).success
    assert launching.job(job_id).status is JobStatus.COMPLETED
    assert [one.trigger for one in launching.attempts(job_id)] == [
        AttemptTrigger.START,
        AttemptTrigger.RESUME,
    ]


def test_a_document_that_is_not_processed_is_told(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box, job_type=DETECT)

    (run,) = launching.look_and_launch()
    assert not launching.work(run).success

    job = launching.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error_type is ErrorType.PERMANENT
    assert "embeddings" in (job.error_message or "")


def test_two_jobs_about_one_document_come_one_after_the_other(
    launching: LaunchingWorld, card_box: Document
) -> None:
    launching.ask(card_box)
    second = launching.ask(card_box, job_type=DETECT)

    (run,) = launching.look_and_launch()
    assert run.job_name == "process_document"
    assert launching.look_and_launch() == []
    assert launching.work(run).success

    (run,) = launching.look_and_launch()
    assert run.job_name == DETECT
    assert launching.work(run).success
    assert launching.job(second).status is JobStatus.COMPLETED


def test_a_run_from_dagsters_ui_gets_a_row(launching: LaunchingWorld, card_box: Document) -> None:
    processed(launching, card_box)

    result = launching.execute(str(card_box.id), job=DETECT)

    assert result.success
    row = launching.services.database.first(
        "select status, entity_id from background_jobs where job_type = %s", (DETECT,)
    )
    assert row == {"status": "completed", "entity_id": card_box.id}
