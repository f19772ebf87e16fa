"""However much is finished and waiting, a look reads only what it is about."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from rhizome_pipelines.database.adoption import ForeignRun
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from tests.integration.database import scale
from tests.postgres_fixtures import temporary_database

Question = Callable[[Database, scale.Crowd], object]


@pytest.fixture(scope="module")
def crowd(migrated_template: str, postgres_server: EmbeddedPostgres) -> Iterator[scale.Crowd]:
    """Twenty thousand finished jobs; nothing that a test does here may be kept."""
    for url in temporary_database(postgres_server, migrated_template):
        yield scale.crowd(url)


def adopt_beside_a_waiting_job(database: Database, crowd: scale.Crowd) -> None:
    run = ForeignRun(str(uuid4()), JobType.PROCESS_DOCUMENT, crowd.waiting.entity_id)
    with suppress(InvalidInputError):  # the job is about to be started by itself
        AttemptRepository(database).adopt(run)


QUESTIONS: dict[str, Question] = {
    "what needs attention": lambda db, _: JobRepository(db).needing_attention(10),
    "what is in flight": lambda db, _: JobRepository(db).in_flight(),
    "attempts of deleted jobs": lambda db, _: AttemptRepository(db).of_deleted_jobs(10),
    "a document's newest job": lambda db, crowd: JobRepository(db).latest_for_document(
        crowd.finished.entity_id, JobType.PROCESS_DOCUMENT
    ),
    "deaths in place": lambda db, crowd: AttemptRepository(db).deaths_in_place(crowd.finished.id),
    "adoption of a run": adopt_beside_a_waiting_job,
}
"""Everything that is asked at every look, or before a run that was launched elsewhere."""

WITHOUT = [
    ("what needs attention", "drop index background_jobs_queue"),
    ("what needs attention", "drop index background_jobs_processing"),
    ("what needs attention", "drop index background_jobs_paused_wrongly"),
    ("what needs attention", "drop index background_jobs_cancelled_kept"),
    ("what needs attention", "drop index background_jobs_due"),
    ("what needs attention", "drop index job_attempts_alive"),
    ("what is in flight", "drop index background_jobs_processing"),
    ("what is in flight", "drop index job_attempts_alive"),
    ("attempts of deleted jobs", "drop index job_attempts_orphaned"),
    ("a document's newest job", "drop index background_jobs_entity"),
    ("deaths in place", "alter table job_attempts drop constraint job_attempts_pkey"),
    ("adoption of a run", "drop index background_jobs_entity"),
    ("adoption of a run", "alter table job_attempts drop constraint job_attempts_run_id_key"),
]


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_only_what_is_asked_for_is_read(crowd: scale.Crowd, question: str, analyzed: bool) -> None:
    asked = scale.statements(crowd, QUESTIONS[question])

    assert asked
    assert scale.faults(crowd, asked, analyzed=analyzed) == []


@pytest.mark.parametrize(("question", "without"), WITHOUT)
def test_each_index_is_needed(crowd: scale.Crowd, question: str, without: str) -> None:
    """And so the test above would fail without it."""
    asked = scale.statements(crowd, QUESTIONS[question])

    assert scale.faults(crowd, asked, analyzed=True, without=without)
