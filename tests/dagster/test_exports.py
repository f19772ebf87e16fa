"""Documents out, by the job `export_documents`: asked for by a row or by a form; stopped."""

import zipfile
from io import BytesIO

import pytest

from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, JobStatus, JobType
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld

EXPORT = JobType.EXPORT_DOCUMENTS.value
NAMES = ("card-box.md", "under-the-forest.md", "in-praise-of-forgetting.txt")


@pytest.fixture
def library(launching: LaunchingWorld) -> list[Document]:
    documents = [launching.add(SAMPLES / name) for name in NAMES]
    for document in documents:
        launching.ask(document)
        (run,) = launching.look_and_launch()
        assert launching.work(run).success
    return documents


def ask(world: LaunchingWorld, documents: list[Document], **more: object) -> object:
    ids = [str(document.id) for document in documents]
    return world.ask(None, job_type=EXPORT, document_ids=ids, **more)


def archive(world: LaunchingWorld, job_id: object) -> bytes:
    job = world.job(job_id)  # type: ignore[arg-type]
    assert job.status is JobStatus.COMPLETED, job.error_message
    return world.services.objects.read(job.output_data["storagePath"])


def test_a_row_is_an_archive(launching: LaunchingWorld, library: list[Document]) -> None:
    job_id = ask(launching, library, includeConnections=True)

    (run,) = launching.look_and_launch()

    assert run.job_name == EXPORT
    assert "dagster/partition" not in run.tags
    assert run.tags["rhizome/title"] == "3 documents"
    assert launching.work(run).success
    with zipfile.ZipFile(BytesIO(archive(launching, job_id))) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
    for document in library:
        assert any(str(document.id) in name and name.endswith("content.md") for name in names)
    output = launching.job(job_id).output_data  # type: ignore[arg-type]
    assert output["success"] is True
    assert output["documentCount"] == 3
    assert output["storagePath"].endswith(output["zipFilename"])
    assert output["includedConnections"] is True
    assert output["includedAnnotations"] is False
    assert launching.job(job_id).progress["percent"] == 100  # type: ignore[arg-type]
    assert left_behind(launching, job_id) == []


def left_behind(world: LaunchingWorld, job_id: object) -> list[str]:
    prefix = f"{world.user}/{job_id}/"
    return [info.key for info in world.services.objects.list(prefix)]


def test_stopped_in_the_middle_it_is_the_same_archive(
    launching: LaunchingWorld, library: list[Document]
) -> None:
    job_id = ask(launching, library)
    launching.watch.once_written(
        f"document-{library[1].id}.ckpt",
        lambda _: launching.wish(job_id, JobStatus.PAUSED),  # type: ignore[arg-type]
    )
    (first,) = launching.look_and_launch()
    assert not launching.work(first).success
    assert launching.job(job_id).status is JobStatus.PAUSED  # type: ignore[arg-type]
    kept = [name for name in launching.watch.written if name.endswith(".ckpt")]

    launching.wish(job_id, JobStatus.PENDING)  # type: ignore[arg-type]
    (second,) = launching.look_and_launch()

    assert second.parent_run_id == first.run_id
    assert launching.work(second).success
    written = [name for name in launching.watch.written if name.endswith(".ckpt")]
    assert len(written) == len(set(written)) == len(kept) + 1, "a document was collected twice"
    disturbed = archive(launching, job_id)

    launching.wish(job_id, JobStatus.PENDING)  # type: ignore[arg-type]
    (again,) = launching.look_and_launch()
    assert launching.work(again).success
    assert launching.attempts(job_id)[-1].trigger is AttemptTrigger.RESTART  # type: ignore[arg-type]
    assert archive(launching, job_id) == disturbed


def test_defect_9_two_exports_on_one_day_do_not_overwrite_each_other(
    launching: LaunchingWorld, library: list[Document]
) -> None:
    jobs = [ask(launching, library[:1]), ask(launching, library[1:])]
    for run in launching.look_and_launch():
        assert launching.work(run).success

    assert len({launching.job(one).output_data["storagePath"] for one in jobs}) == 2  # type: ignore[arg-type]
    assert archive(launching, jobs[0]) != archive(launching, jobs[1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "document_ids"),
        ({"document_ids": ["17"], "format": "rar"}, "format"),
        ({"document_ids": ["00000000-0000-4000-8000-00000000dead"]}, "not this user's"),
    ],
)
def test_bad_input_is_told(launching: LaunchingWorld, given: dict[str, object], told: str) -> None:
    job_id = launching.ask(None, job_type=EXPORT, **given)

    for run in launching.look_and_launch():
        assert not launching.work(run).success

    job = launching.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error_type is ErrorType.INVALID
    assert told in (job.error_message or "")


def test_a_form_that_a_person_fills_in_gets_a_row(
    launching: LaunchingWorld, library: list[Document]
) -> None:
    form = {"document_ids": [str(library[0].id)], "includeAnnotations": True}

    result = launching.execute(None, job=EXPORT, run_config=form)

    assert result.success
    row = launching.services.database.first(
        "select id, user_id, input_data from background_jobs where job_type = %s", (EXPORT,)
    )
    assert row is not None
    assert row["user_id"] == launching.user
    assert row["input_data"]["document_ids"] == form["document_ids"]
    assert archive(launching, row["id"])
    told = result.get_step_success_events()
    assert [event.step_key for event in told] == ["archive"]


def test_a_form_left_empty_is_told(launching: LaunchingWorld) -> None:
    result = launching.execute(None, job=EXPORT)

    assert not result.success


def test_a_cancelled_export_leaves_nothing(
    launching: LaunchingWorld, library: list[Document]
) -> None:
    job_id = ask(launching, library)
    launching.watch.once_written(
        f"document-{library[1].id}.ckpt",
        lambda _: launching.wish(job_id, JobStatus.CANCELLED),  # type: ignore[arg-type]
    )
    (run,) = launching.look_and_launch()
    assert not launching.work(run).success

    launching.tick()

    assert left_behind(launching, job_id) == []
