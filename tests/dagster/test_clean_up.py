"""The sweep removes what nobody needs, and nothing that somebody does."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from dagster import DagsterInstance

from rhizome_pipelines.checkpoints.keys import (
    DocumentKeys,
    export_key,
    import_key,
    parse_document_key,
)
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.deployment.cleanup import LEFT_BEHIND, discard_for, set_right, sweep
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import JobStatus
from tests.bad_input import SAMPLES
from tests.dagster.world import World

UNFINISHED = [JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED, JobStatus.FAILED]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written just now is old."""
    monkeypatch.setenv("RHIZOME_ORPHAN_HOURS", "0.0000001")


@pytest.fixture
def world(impatient: None, world: World) -> Iterator[World]:
    """Made after the setting is."""
    yield world


@pytest.fixture
def card_box(world: World) -> Document:
    return world.add(SAMPLES / "card-box.md")


def leave_checkpoints(world: World, document: Document) -> list[str]:
    keys = world.store(document).keys
    left = [keys.stage("chunking"), keys.part("embeddings", "chunks-000000-000255")]
    for key in left:
        world.services.objects.write(key, b"left")
    return left


def there(world: World, keys: list[str]) -> list[str]:
    return [key for key in keys if world.services.objects.info(key) is not None]


def test_checkpoints_without_a_job_go_and_finals_stay(world: World, card_box: Document) -> None:
    world.process(card_box)
    finals = world.files(card_box)
    left = leave_checkpoints(world, card_box)

    foreseen = sweep(world.services, dry_run=True)
    assert there(world, left) == left
    done = sweep(world.services)

    assert (foreseen.files, foreseen.bytes) == (done.files, done.bytes) == (2, 8)
    assert there(world, left) == []
    assert world.files(card_box) == finals
    assert sweep(world.services).files == 0


@pytest.mark.parametrize("status", UNFINISHED)
def test_what_an_unfinished_job_goes_on_from_stays(
    world: World, card_box: Document, status: JobStatus
) -> None:
    world.wish(world.ask(card_box), status)
    left = leave_checkpoints(world, card_box)

    assert sweep(world.services).files == 0

    assert there(world, left) == left


@pytest.mark.parametrize("status", [*UNFINISHED, JobStatus.CANCELLED])
def test_a_job_about_no_document_keeps_its_own(world: World, status: JobStatus) -> None:
    job_id = world.ask(None, job_type="export_documents", document_ids=[str(uuid4())])
    world.wish(job_id, status)
    keys = DocumentKeys(world.user, job_id)
    left = [keys.part("archive", "document-17"), keys.file("source.zip")]
    for key in left:
        world.services.objects.write(key, b"left")

    sweep(world.services)

    assert there(world, left) == ([] if status is JobStatus.CANCELLED else left)


def test_an_attempt_that_has_not_ended_keeps_them_too(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    world.look()
    left = leave_checkpoints(world, card_box)
    world.delete(job_id)

    assert sweep(world.services).files == 0

    assert there(world, left) == left


def test_a_job_that_failed_long_ago_keeps_nothing(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    world.services.database.execute(
        "update background_jobs set status = 'failed', last_checkpoint_path = 'a', "
        "last_checkpoint_stage = 'b', checkpoint_hash = 'c'"
    )
    left = leave_checkpoints(world, card_box)
    with world.services.database.transaction() as connection:
        connection.execute("set local session_replication_role = replica")
        connection.execute("update background_jobs set updated_at = now() - interval '31 days'")

    assert sweep(world.services).files == 2

    assert there(world, left) == []
    assert world.job(job_id).checkpoint is None, "the row's pointer is true"


def test_all_files_of_a_deleted_document_go(world: World, card_box: Document) -> None:
    world.process(card_box)
    key = world.store(card_box).keys.prefix + "figures/1/stage-chunking.json"
    world.services.objects.write(key, b"a person's")
    assert sweep(world.services).files == 0, "the document is there"
    DocumentRepository(world.services.database).delete(world.user, card_box.id)

    assert sweep(world.services).files > 4

    assert world.files(card_box) == []


def test_what_is_young_stays(
    world: World, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = leave_checkpoints(world, card_box)
    young = world.services.settings.model_copy(update={"orphan_hours": 1.0})
    object.__setattr__(world.services, "settings", young)

    assert sweep(world.services).files == 0

    assert there(world, left) == left


def test_what_is_no_documents_is_not_touched(world: World) -> None:
    keys = [
        export_key(world.user, "all-2026"),
        f"{world.user}/notes/stage-chunking.json",
        f"{world.user.hex}/{uuid4()}/stage-chunking.json",
        "stage-chunking.json",
    ]
    for key in keys:
        world.services.objects.write(key, b"somebody's")

    assert sweep(world.services).files == 0

    assert there(world, keys) == keys


@pytest.mark.parametrize("status", UNFINISHED)
def test_what_was_uploaded_goes_when_no_import_will_read_it(
    world: World, status: JobStatus
) -> None:
    wanted, unused = (import_key(world.user, f"{name}.zip") for name in ("wanted", "unused"))
    for key in (wanted, unused):
        world.services.objects.write(key, b"archive")
    job = world.ask(None, job_type="import-document", storage_path=wanted)
    world.wish(job, status)

    assert [one.prefix for one in sweep(world.services, dry_run=True).swept] == [unused]
    assert sweep(world.services).files == 1
    assert there(world, [wanted, unused]) == [wanted]

    world.wish(job, JobStatus.CANCELLED)
    assert sweep(world.services).files == 1
    assert there(world, [wanted]) == []


def test_archives_of_exports_go_after_some_days(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = export_key(world.user, "all-2026")
    world.services.objects.write(key, b"archive")
    assert sweep(world.services).files == 0

    old = world.services.settings.model_copy(update={"export_days": 1e-9})
    object.__setattr__(world.services, "settings", old)
    assert sweep(world.services).files == 1
    assert there(world, [key]) == []


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_cancelled_job_leaves_what_another_goes_on_from(
    world: World, card_box: Document, status: JobStatus
) -> None:
    cancelled, other = world.ask(card_box), world.ask(card_box)
    left = leave_checkpoints(world, card_box)
    world.wish(cancelled, JobStatus.CANCELLED)
    world.wish(other, status)

    assert not discard_for(world.services, cancelled, world.user, card_box.id)
    assert there(world, left) == left

    world.delete(other)
    assert discard_for(world.services, cancelled, world.user, card_box.id)
    assert there(world, left) == []


def test_the_keys_of_documents_are_read_strictly() -> None:
    user, document = UUID(int=0xA), UUID(int=0xB)
    key = DocumentKeys(user, document).content

    assert parse_document_key(key) == (user, document)
    assert parse_document_key(key + "/x") == (user, document)
    for bad in (key.upper(), key + "/", key.replace("content.md", ""), f"{user}/exports/a.zip"):
        assert parse_document_key(bad) is None


# Documents that were left behind


def left_behind(world: World, document: Document) -> None:
    with world.services.database.transaction() as connection:
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            "update documents set processing_status = 'processing', "
            "updated_at = now() - interval '1 hour' where id = %s",
            (document.id,),
        )


def test_a_document_that_nobody_works_on_is_set_right(world: World, card_box: Document) -> None:
    left_behind(world, card_box)

    assert set_right(world.services, dry_run=True).failed == 1
    assert world.document_row(card_box)["processing_status"] == "processing"
    assert set_right(world.services).failed == 1

    row = world.document_row(card_box)
    assert (row["processing_status"], row["processing_error"]) == ("failed", LEFT_BEHIND)


def test_one_whose_results_are_there_is_completed(world: World, card_box: Document) -> None:
    world.process(card_box)
    left_behind(world, card_box)

    assert set_right(world.services).completed == 1

    assert world.document_row(card_box)["processing_status"] == "completed"


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED])
def test_one_with_a_job_is_left_alone(world: World, card_box: Document, status: JobStatus) -> None:
    left_behind(world, card_box)
    world.wish(world.ask(card_box), status)

    assert set_right(world.services).failed == 0


def test_one_that_changed_just_now_is_left_alone(world: World, card_box: Document) -> None:
    world.services.database.execute("update documents set processing_status = 'processing'")

    assert set_right(world.services, since=timedelta(minutes=5)).failed == 0


def test_the_job_in_dagster_does_the_same(world: World, card_box: Document) -> None:
    left = leave_checkpoints(world, card_box)
    job = world.definitions.resolve_job_def("clean_up_storage")

    assert job.execute_in_process(instance=DagsterInstance.ephemeral()).success

    assert there(world, left) == []
