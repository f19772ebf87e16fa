"""A deployment of real processes with a long book in it, and what its job has left in the end."""

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.lifecycle.errors import TransientError
from tests.system.chaos.book import SETTINGS, book, companion
from tests.system.home import PATIENCE, Home, answers, wait_until

JOB_PATIENCE = 240.0
"""Seconds in which a job comes to its end, however often it is disturbed on the way."""

INSERT: LiteralString = """
    insert into background_jobs (user_id, job_type, entity_type, entity_id)
    select user_id, 'process_document', 'document', id from documents where id = %s
    returning id"""


@dataclass
class ChaosWorld:
    home: Home
    port: int
    database: Database
    document: UUID = field(default_factory=lambda: UUID(int=0))
    notes: list[UUID] = field(default_factory=list)
    up: "subprocess.Popen[str] | None" = None

    @property
    def folder(self) -> Path:
        """Where the document's files lie."""
        (folder,) = (self.home.path / "objects").glob(f"*/{self.document}")
        return folder

    # The deployment

    def start(self) -> None:
        """`rhizome up`, until its web server answers."""
        self.up = self.home.start("up", "--port", str(self.port))
        wait_until(lambda: answers(self.port) or self.ended(), "the web server answers")
        assert not self.ended(), self.up.communicate()[0]

    def ended(self) -> bool:
        """Whether `rhizome up` has ended, though nobody asked it to."""
        return self.up is not None and self.up.poll() is not None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Ask `rhizome up` to end; what it has said."""
        assert self.up is not None
        self.up.send_signal(number)
        told, _ = self.up.communicate(timeout=PATIENCE)
        assert self.up.returncode == 0, told
        return told

    def give_up(self) -> None:
        """End `rhizome up` at once, if it runs; who made the home clears it away."""
        if self.up is not None and self.up.poll() is None:
            self.up.kill()
            self.up.communicate()

    def assert_leaves_nothing(self) -> None:
        """Nothing of it runs after `rhizome down`."""
        self.database.close()
        down = self.home.rhizome("down")
        assert down.returncode == 0, down.stderr
        self.home.wait_until_empty()

    # The document and its jobs

    def add(self, *papers: Path) -> list[UUID]:
        added = self.home.rhizome("documents", "add", *papers)
        assert added.returncode == 0, added.stderr
        return [UUID(line) for line in added.stdout.split()]

    def ask(self, document: UUID | None = None) -> UUID:
        """Insert a row, as a client does; the job's id."""
        job: UUID = self.rows(INSERT, document or self.document)[0]["id"]
        return job

    def rows(
        self, query: LiteralString, *parameters: Any, named: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The rows of one statement, as soon as the database can be asked."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.database.all(query, named or parameters)
            except TransientError:
                assert time.monotonic() < deadline, "the database did not come back"
                time.sleep(0.1)

    def job(self, job: UUID) -> dict[str, Any]:
        (row,) = self.rows("select * from background_jobs where id = %s", job)
        return row

    def attempts(self, job: UUID) -> list[dict[str, Any]]:
        return self.rows("select * from job_attempts where job_id = %s order by number", job)

    def completed(self, job: UUID) -> bool:
        """Whether it is; a failure ends the test with its sentence."""
        row = self.job(job)
        assert row["status"] != "failed" or row["next_retry_at"], row["error_message"]
        assert not self.ended(), "rhizome up has ended by itself"
        return bool(row["status"] == "completed")

    def wait_until_completed(self, job: UUID) -> None:
        wait_until(lambda: self.completed(job), "the job is completed", JOB_PATIENCE)

    def assert_one_completed_attempt(self, job: UUID) -> None:
        """All attempts have ended, and only the last one by completing the job."""
        outcomes = [attempt["outcome"] for attempt in self.attempts(job)]
        assert outcomes.count("completed") == 1, outcomes
        assert outcomes[-1] == "completed", outcomes
        assert None not in outcomes
        assert self.job(job)["retry_count"] == 0, "a death has used up a retry"


@contextmanager
def chaos_world(home: Home, port: int, folder: Path, companions: int = 2) -> Iterator[ChaosWorld]:
    """A deployment that is up, with the book in it, and companions that are done already."""
    with home.database() as database:
        world = ChaosWorld(replace(home, settings=SETTINGS), port, database)
        notes = [companion(folder / f"{n}.md", n) for n in range(companions)]
        world.document, *world.notes = world.add(book(folder / "book.pdf"), *notes)
        try:
            world.start()
            for job in [world.ask(note) for note in world.notes]:
                world.wait_until_completed(job)
            yield world
        finally:
            world.give_up()
