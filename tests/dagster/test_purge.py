"""The purge of old history: what goes, and what stays however old it is."""

from pathlib import Path

import pytest
from dagster import AssetKey, DagsterRunStatus

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.deployment.history import Purged, purge
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES
from rhizome_pipelines.run_api import PARENT_TAG
from rhizome_pipelines.run_history import DagsterHistory, dagster_history
from tests.bad_input import SAMPLES
from tests.dagster.history_fixtures import Storage
from tests.dagster.world import PARTITIONS, World
from tests.integration.deployment.command_line import CommandLine

DAYS = 30


@pytest.fixture
def card_box(lasting_world: World) -> Document:
    return lasting_world.add(SAMPLES / "card-box.md")


def runs_of(world: World) -> list[str]:
    """The runs that there are, the oldest first."""
    return [run.run_id for run in reversed(world.instance.get_runs())]


def purged(world: World, *, page: int = 200, dry_run: bool = False) -> Purged:
    history = DagsterHistory(world.instance, page)
    return purge(world.services, history, days=DAYS, dry_run=dry_run)


def extract(world: World, document: Document) -> Job:
    """A run of the first stage, as somebody may start it in Dagster; the job that it made."""
    ran = world.execute(str(document.id), asset_selection=[AssetKey("extraction")])
    assert ran.success
    attempt = AttemptRepository(world.services.database).by_run(ran.run_id)
    assert attempt is not None
    return world.job(attempt.job_id)


def delete_document(world: World, document: Document) -> None:
    assert world.services.database.execute("delete from documents where id = %s", (document.id,))


def is_shown_as_materialized(world: World, document: Document) -> bool:
    found = [
        world.instance.get_latest_data_version_record(
            AssetKey(stage.value), partition_key=str(document.id)
        )
        for stage in DOCUMENT_STAGES
    ]
    return all(found)


def test_a_run_whose_results_were_all_made_anew_goes(
    lasting_world: World, dagster_storage: Storage, card_box: Document
) -> None:
    world = lasting_world
    finished = world.process(card_box)
    after_one = dagster_storage.rows()
    world.wish(finished.id, JobStatus.PENDING)
    world.settle()
    first, second = runs_of(world)
    assert dagster_storage.logs() == {first, second}
    dagster_storage.age(DAYS + 1)

    assert purged(world) == Purged(runs=1, runs_kept=1)

    assert runs_of(world) == [second]
    assert dagster_storage.rows() == after_one, "something of the first run is left"
    assert dagster_storage.logs() == {second}
    assert is_shown_as_materialized(world, card_box)
    assert world.instance.has_dynamic_partition(PARTITIONS, str(card_box.id))


def test_what_is_not_old_enough_stays(
    lasting_world: World, dagster_storage: Storage, card_box: Document
) -> None:
    world = lasting_world
    extract(world, card_box)
    extract(world, card_box)
    dagster_storage.age(DAYS - 1)

    assert purged(world) == Purged()
    assert len(runs_of(world)) == 2


@pytest.mark.parametrize("page", [1, 200])
def test_of_a_deleted_document_nothing_stays(
    lasting_world: World, dagster_storage: Storage, card_box: Document, page: int
) -> None:
    world = lasting_world
    kept = world.add(SAMPLES / "under-the-forest.md")
    extract(world, card_box)
    extract(world, card_box)
    extract(world, kept)
    delete_document(world, card_box)
    dagster_storage.age(DAYS + 1)

    assert purged(world, page=page) == Purged(runs=2, runs_kept=1, partitions=1)

    assert world.instance.get_dynamic_partitions(PARTITIONS) == [str(kept.id)]
    assert len(runs_of(world)) == 1


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PAUSED, JobStatus.PROCESSING])
def test_the_runs_of_an_unfinished_job_stay(
    lasting_world: World, dagster_storage: Storage, card_box: Document, status: JobStatus
) -> None:
    world = lasting_world
    unfinished = extract(world, card_box)
    extract(world, card_box)  # another job, whose results are newer
    world.wish(unfinished.id, status)
    dagster_storage.age(DAYS + 1)

    assert purged(world) == Purged(runs_kept=2)

    world.wish(unfinished.id, JobStatus.CANCELLED)
    assert purged(world) == Purged(runs=1, runs_kept=1)


def test_a_run_that_a_kept_one_was_re_executed_from_stays(
    lasting_world: World, dagster_storage: Storage, card_box: Document
) -> None:
    world = lasting_world
    extract(world, card_box)
    (parent,) = runs_of(world)
    again = world.execute(
        str(card_box.id),
        {PARENT_TAG: parent, "dagster/root_run_id": parent},
        asset_selection=[AssetKey("extraction")],
    )
    assert again.success
    dagster_storage.age(DAYS + 1)

    assert purged(world) == Purged(runs_kept=2)

    delete_document(world, card_box)
    assert purged(world) == Purged(runs=2, partitions=1)
    assert runs_of(world) == []


def test_what_is_not_finished_stays_with_its_partition(
    lasting_world: World, dagster_storage: Storage, card_box: Document
) -> None:
    world = lasting_world
    job = world.definitions.resolve_job_def("process_document")
    tags = {"dagster/partition": str(card_box.id)}
    world.instance.add_dynamic_partitions(PARTITIONS, [str(card_box.id), "added by hand"])
    run = world.instance.create_run_for_job(job, status=DagsterRunStatus.STARTED, tags=tags)
    delete_document(world, card_box)
    dagster_storage.age(DAYS + 1)

    assert purged(world) == Purged(partitions=1)
    assert runs_of(world) == [run.run_id]
    assert world.instance.get_dynamic_partitions(PARTITIONS) == [str(card_box.id)]

    world.instance.report_run_canceled(run)
    assert purged(world) == Purged(partitions=1)


def test_a_dry_run_counts_the_same_and_removes_nothing(
    lasting_world: World, dagster_storage: Storage, card_box: Document
) -> None:
    world = lasting_world
    extract(world, card_box)
    extract(world, card_box)
    gone = world.add(SAMPLES / "under-the-forest.md")
    extract(world, gone)
    delete_document(world, gone)
    dagster_storage.age(DAYS + 1)
    before = dagster_storage.rows()

    told = purged(world, dry_run=True)

    assert told == Purged(runs=2, runs_kept=1, partitions=1)
    assert dagster_storage.rows() == before
    assert purged(world) == told
    assert purged(world) == Purged(runs_kept=1)


def test_one_purge_removes_so_many_runs_and_the_next_goes_on(
    lasting_world: World, dagster_storage: Storage, card_box: Document
) -> None:
    world = lasting_world
    for _ in range(3):
        extract(world, card_box)
    delete_document(world, card_box)
    dagster_storage.age(DAYS + 1)
    history = DagsterHistory(world.instance, page=1)

    some = purge(world.services, history, days=DAYS, most_runs=2)
    rest = purge(world.services, history, days=DAYS, most_runs=2)

    assert (some.runs, some.more) == (2, True)
    assert (rest.runs, rest.more) == (1, False)


def test_the_job_purges_as_the_settings_say_and_leaves_its_own_run(
    lasting_world: World,
    dagster_storage: Storage,
    card_box: Document,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = lasting_world
    monkeypatch.setenv("RHIZOME_HISTORY_DAYS", "5")
    extract(world, card_box)
    delete_document(world, card_box)
    dagster_storage.age(6)

    job = world.definitions.resolve_job_def("purge_history")
    result = job.execute_in_process(instance=world.instance)

    assert result.success
    assert runs_of(world) == [result.run_id]
    assert world.look() == [], "no row asked for this run"
    (told,) = [
        log.user_message
        for log in world.instance.all_logs(result.run_id)
        if log.user_message.startswith("Removed")
    ]
    assert told == "Removed 1 run, 0 attempts, 1 partition."


def test_the_command_line_purges_too(
    lasting_world: World,
    dagster_storage: Storage,
    card_box: Document,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = lasting_world
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_storage.folder))
    extract(world, card_box)
    extract(world, card_box)
    dagster_storage.age(6)
    rhizome = CommandLine()

    assert rhizome.lines("db", "purge") == ["Removed 0 runs, 0 attempts, 0 partitions."]
    assert rhizome.json("db", "purge", "--days", "5", "--dry-run")["runs"] == 1
    assert len(runs_of(world)) == 2
    assert rhizome.lines("db", "purge", "--days", "5") == [
        "Removed 1 run, 0 attempts, 0 partitions. Old runs that are still needed: 1."
    ]
    assert len(runs_of(world)) == 1


def test_where_no_deployment_ever_was_there_is_no_history(
    lasting_world: World, tmp_path: Path, dagster_storage: Storage
) -> None:
    with dagster_history(tmp_path) as none:
        assert none is None
        assert purge(lasting_world.services, None, days=DAYS) == Purged()
    with dagster_history(dagster_storage.folder) as some:
        assert some is not None
