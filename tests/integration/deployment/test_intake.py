"""Taking folders in: what is known is found by a few statements, however many files there are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.cli.results import WatchedJob, read_results
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.finding import find_items
from rhizome_pipelines.deployment.intake import Added, request_processing, take_in
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, Job, JobStatus, JobType
from rhizome_pipelines.settings import DEFAULT_USER
from tests.integration.deployment.command_line import CommandLine

TakeIn = Callable[..., list[Added]]


class CountingDatabase(Database):
    """Counts how often it is asked."""

    asked = 0

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        self.asked += 1
        with super().connection() as connection:
            yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


@pytest.fixture
def taken_in(services: Services) -> TakeIn:
    """Take files, folders and addresses in, of which none is refused."""

    def take(*named: object, user: UUID = DEFAULT_USER) -> list[Added]:
        found = list(take_in(services, user, find_items([str(name) for name in named])))
        assert all(isinstance(one, Added) for one in found)
        return [one for one in found if isinstance(one, Added)]

    return take


def write_notes(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number:03}.md").write_text(f"# Note {number}\n\nSome text.\n")


def begun(services: Services, document: Document) -> tuple[Job, GuardedJob]:
    """A job whose first attempt is at work."""
    job = request_processing(services, document, "A note")
    AttemptRepository(services.database).begin(job.id, AttemptTrigger.START)
    return job, GuardedJob(services.database, job.id, 1)


def completed(services: Services, document: Document) -> Job:
    job, guarded = begun(services, document)
    guarded.complete({"success": True, "chunkCount": 3})
    return job


def questions(services: Services, folder: Path) -> int:
    """How often the database is asked to take a known folder in and to tell its results."""
    database = CountingDatabase(services.database.url)
    with database:
        counted = replace(services, database=database)
        added = [
            one
            for one in take_in(counted, DEFAULT_USER, find_items([str(folder)]))
            if isinstance(one, Added) and one.newest_job is not None
        ]
        watched = [
            WatchedJob(one.newest_job.id, one.document.id, one.item.label, done=True)
            for one in added
            if one.newest_job is not None
        ]
        results = read_results(counted, DEFAULT_USER, watched)
    assert [one.status for one in results] == [JobStatus.COMPLETED] * len(list(folder.iterdir()))
    return database.asked


def test_a_known_folder_costs_the_same_questions_however_large_it_is(
    services: Services, folder: Path, taken_in: TakeIn
) -> None:
    asked = []
    for count in (2, 50):
        write_notes(folder, count)
        for one in taken_in(folder):
            if one.newest_job is None:
                completed(services, one.document)
        asked.append(questions(services, folder))

    assert asked[0] == asked[1]


def test_what_is_known_is_found_again_with_its_newest_job(
    services: Services, folder: Path, taken_in: TakeIn
) -> None:
    write_notes(folder, 4)
    new = taken_in(folder)
    assert [(one.known, one.newest_job) for one in new] == [(False, None)] * 4
    done, failed, paused, _ = (one.document for one in new)
    completed(services, done)
    begun(services, failed)[1].fail(ErrorType.TRANSIENT, "Not now.", None)
    job, _ = begun(services, paused)
    JobRepository(services.database).pause(job.id, 1, "Not now.")
    # A newer job of another type is no news of the document's processing.
    JobRepository(services.database).insert(
        DEFAULT_USER, JobType.DETECT_CONNECTIONS, document_id=done.id
    )

    again = taken_in(folder)

    assert [one.document.id for one in again] == [one.document.id for one in new]
    assert all(one.known for one in again)
    statuses = [one.newest_job.status if one.newest_job else None for one in again]
    assert statuses == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PAUSED, None]


def test_equal_files_are_one_document_within_a_folder_too(folder: Path, taken_in: TakeIn) -> None:
    for name in ("a.md", "b.md", "deep/c.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("# The same\n")

    first = taken_in(folder)

    assert [one.known for one in first] == [False, True, True]
    assert len({one.document.id for one in first + taken_in(folder)}) == 1


def test_the_type_and_the_owner_are_part_of_what_a_document_is(
    folder: Path, taken_in: TakeIn
) -> None:
    for name in ("note.md", "note.txt"):
        (folder / name).write_text("The same bytes.")

    ours = taken_in(folder)
    theirs = taken_in(folder, user=uuid4())

    assert len({one.document.id for one in ours + theirs}) == 4
    assert not any(one.known for one in ours + theirs)


def test_addresses_are_known_too(folder: Path, taken_in: TakeIn) -> None:
    write_notes(folder, 1)
    named = ["https://example.org/a", folder, "https://example.org/b"]

    first = taken_in(*named)

    assert [one.document.id for one in taken_in(*named)] == [one.document.id for one in first]


def test_processing_what_is_done_shows_it_and_does_nothing(
    services: Services, rhizome: CommandLine, folder: Path, taken_in: TakeIn
) -> None:
    write_notes(folder, 2)
    (folder / "copy of 000.md").write_bytes((folder / "000.md").read_bytes())
    jobs = {completed(services, one.document).id for one in taken_in(folder) if not one.known}

    done = rhizome("process", folder)

    assert done.exit_code == 0, done.output
    assert "2 of 2 were known and done already; reused." in done.stdout
    assert done.stderr.splitlines() == ["copy of 000.md is named twice; once is enough."]
    told = rhizome.json("process", folder / "000.md", folder)
    assert {UUID(one["job_id"]) for one in told} == jobs
    assert len(JobRepository(services.database).list()) == 2
