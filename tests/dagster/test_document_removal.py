"""A document that was processed goes, with its partition, as far as no run is in it."""

import pytest
from dagster import DagsterRunStatus

from rhizome_pipelines.deployment.document_removal import Removed, delete_documents, reset
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import JobStatus
from rhizome_pipelines.run_history import DagsterHistory
from tests.bad_input import SAMPLES
from tests.dagster.history_fixtures import Storage
from tests.dagster.world import JOB, PARTITIONS, World
from tests.integration.deployment.command_line import CommandLine


@pytest.fixture
def card_box(lasting_world: World) -> Document:
    return lasting_world.add(SAMPLES / "card-box.md")


def removed(world: World, document: Document, *, dry_run: bool = False) -> Removed:
    history = DagsterHistory(world.instance)
    return delete_documents(world.services, [document.id], world.user, history, dry_run=dry_run)


def partitions(world: World) -> list[str]:
    return [*world.instance.get_dynamic_partitions(PARTITIONS)]


def rows(world: World, table: str) -> int:
    return len(world.services.database.all(f"select from {table}"))


def test_of_a_processed_document_nothing_stays(lasting_world: World, card_box: Document) -> None:
    world = lasting_world
    kept = world.add(SAMPLES / "under-the-forest.md")
    world.process(kept)
    files, digests = world.files(kept), world.digests(kept)
    world.process(card_box)
    assert len(partitions(world)) == 2

    foreseen = removed(world, card_box, dry_run=True)
    assert rows(world, "documents") == 2
    done = removed(world, card_box)

    assert vars(done) == {**vars(foreseen), "dry_run": False}
    assert (done.documents, done.jobs, done.partitions, done.partitions_in_use) == (1, 1, 1, 0)
    assert done.chunks > 0
    assert world.files(card_box) == []
    assert partitions(world) == [str(kept.id)]
    assert (world.files(kept), world.digests(kept)) == (files, digests)
    assert rows(world, "chunks") == world.chunk_count(kept) > 0
    assert rows(world, "document_embeddings") == 1
    assert world.settle() == [], "nobody takes it up again"


def test_a_job_that_begins_just_then_does_not_bring_it_back(
    lasting_world: World, card_box: Document
) -> None:
    world = lasting_world
    world.ask(card_box)
    (request,) = world.look()
    world.services.database.execute(
        "update job_attempts set heartbeat_at = now() - interval '31 s'"
    )

    assert removed(world, card_box).documents == 1

    assert not world.run(request).success
    assert world.files(card_box) == []
    assert rows(world, "documents") == rows(world, "background_jobs") == 0


def test_a_partition_stays_while_a_run_is_in_it(lasting_world: World, card_box: Document) -> None:
    world = lasting_world
    world.instance.add_dynamic_partitions(PARTITIONS, [str(card_box.id)])
    run = world.instance.create_run_for_job(
        world.definitions.resolve_job_def(JOB),
        status=DagsterRunStatus.STARTED,
        tags={"dagster/partition": str(card_box.id)},
    )

    done = removed(world, card_box)

    assert (done.documents, done.partitions, done.partitions_in_use) == (1, 0, 1)
    assert (
        "1 partition of runs that are still ending will go with the daily purge" in done.summary()
    )
    assert partitions(world) == [str(card_box.id)]
    world.instance.report_run_canceled(run)


def test_a_reset_leaves_what_is_done_as_it_is(lasting_world: World, card_box: Document) -> None:
    world = lasting_world
    world.process(card_box)
    files = world.files(card_box)
    unfinished = world.add(SAMPLES / "under-the-forest.md")
    world.wish(world.ask(unfinished), JobStatus.PAUSED)

    done = reset(world.services, world.user, DagsterHistory(world.instance))

    assert (done.documents, done.jobs) == (1, 2)
    assert world.files(card_box) == files
    assert world.files(unfinished) == []
    assert partitions(world) == [str(card_box.id)]


def test_the_command_line_removes_the_partition_too(
    lasting_world: World,
    card_box: Document,
    dagster_storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = lasting_world
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_storage.folder))
    world.process(card_box)

    done = CommandLine().json("documents", "delete", card_box.id, "--yes")

    assert (done["documents"], done["jobs"], done["partitions"]) == (1, 1, 1)
    assert partitions(world) == []
