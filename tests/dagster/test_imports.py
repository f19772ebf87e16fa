"""Documents back in, by the job `import_document`."""

import pytest

from rhizome_pipelines.checkpoints.keys import import_key
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import JobStatus, JobType
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld

IMPORT = JobType.IMPORT_DOCUMENT.value


def work(world: LaunchingWorld) -> bool:
    (run,) = world.look_and_launch()
    return world.work(run).success


@pytest.fixture
def forest(launching: LaunchingWorld) -> Document:
    document = launching.add(SAMPLES / "under-the-forest.md")
    launching.ask(document)
    assert work(launching)
    return document


@pytest.fixture
def upload(launching: LaunchingWorld, forest: Document) -> str:
    """An archive of the document, which itself is gone afterwards."""
    job_id = launching.ask(
        None, job_type="export_documents", document_ids=[str(forest.id)], includeAnnotations=True
    )
    assert work(launching)
    objects = launching.services.objects
    archive = objects.read(launching.job(job_id).output_data["storagePath"])
    launching.services.database.execute("delete from documents")
    prefix = launching.store(forest).keys.prefix
    objects.delete([info.key for info in objects.list(prefix)])
    key = import_key(launching.user, "upload.zip")
    objects.write(key, archive)
    return key


def test_what_was_exported_comes_back(
    launching: LaunchingWorld, forest: Document, upload: str
) -> None:
    job_id = launching.ask(None, job_type=IMPORT, storage_path=upload, reprocessConnections=True)

    assert work(launching)

    job = launching.job(job_id)
    assert job.status is JobStatus.COMPLETED
    output = job.output_data
    assert output["documentId"] == str(forest.id)
    assert output["chunksImported"] == launching.chunk_count(forest) > 0
    assert output["embeddingsRegenerated"] is False
    assert launching.job(output["connectionDetectionJobId"]).job_type == "detect_connections"
    assert launching.services.objects.info(upload) is None, "what was uploaded for it has gone"
    assert work(launching), "connections are looked for then"


@pytest.mark.parametrize("moment", ["stage-reading.json", "stage-application.json"])
def test_stopped_in_between_it_goes_on(
    launching: LaunchingWorld, forest: Document, upload: str, moment: str
) -> None:
    job_id = launching.ask(None, job_type=IMPORT, storage_path=upload)
    launching.watch.once_written(moment, lambda _: launching.wish(job_id, JobStatus.PAUSED))
    (first,) = launching.look_and_launch()
    assert not launching.work(first).success

    launching.wish(job_id, JobStatus.PENDING)
    (second,) = launching.look_and_launch()

    assert second.parent_run_id == first.run_id
    assert launching.work(second).success
    assert launching.job(job_id).status is JobStatus.COMPLETED
    assert launching.chunk_count(forest) > 0


def test_a_damaged_archive_is_refused_whole(
    launching: LaunchingWorld, forest: Document, upload: str
) -> None:
    objects = launching.services.objects
    data = bytearray(objects.read(upload))
    data[len(data) // 2] ^= 0xFF
    objects.write(upload, bytes(data))
    job_id = launching.ask(None, job_type=IMPORT, storage_path=upload)

    assert not work(launching)

    job = launching.job(job_id)
    assert (job.status, job.error_type) == (JobStatus.FAILED, ErrorType.INVALID)
    assert launching.services.database.all("select from documents") == []
    assert launching.files(forest) == []


def test_another_users_file_is_refused(launching: LaunchingWorld) -> None:
    key = f"00000000-0000-4000-8000-00000000beef/imports/{'a' * 8}.zip"
    job_id = launching.ask(None, job_type=IMPORT, storage_path=key)

    assert not work(launching)

    assert "not this user's" in (launching.job(job_id).error_message or "")
