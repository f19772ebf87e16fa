"""What stands around a run is killed while it works: the run goes on, once, and is known again."""

import signal
from functools import partial
from pathlib import Path
from uuid import UUID

import psutil

from rhizome_pipelines.database.connection import Database
from tests.system.home import Home, answers, kill, wait_until
from tests.system.long_pdf import long_pdf, parts


def test_neither_warm_process_nor_code_server_nor_daemon_is_needed(
    home: Home, port: int, tmp_path: Path
) -> None:
    added = home.rhizome("documents", "add", long_pdf(tmp_path / "book.pdf"))
    assert added.returncode == 0, added.stderr
    document_id = UUID(added.stdout.strip())

    with home.start("up", "--port", str(port)) as started, home.database() as database:
        wait_until(lambda: answers(port), "the web server answers")
        row = database.first(
            "insert into background_jobs (user_id, job_type, entity_type, entity_id) "
            "select user_id, 'process_document', 'document', id from documents returning user_id"
        )
        assert row is not None
        folder = home.path / "objects" / str(row["user_id"]) / str(document_id)
        wait_until(lambda: len(parts(folder)) >= 1, "a window of pages is kept")
        (worker,) = home.workers()
        # It stands still while the others die, so that it cannot be done before.
        worker.suspend()

        victims = {part: _leader(started.pid, part) for part in ("code-server", "dagster._daemon")}
        for victim in (*home.warm_processes(), *victims.values()):
            kill(victim)
        assert worker.is_running()
        worker.resume()
        for part, victim in victims.items():
            wait_until(partial(_replaced, started.pid, part, victim), f"{part} is back")

        wait_until(lambda: _attempts(database) == [(1, "completed")], "the first attempt completes")
        # Who comes next is forked from a new warm process.
        database.execute("update background_jobs set status = 'pending'")
        wait_until(lambda: len(_attempts(database)) == 2, "a second attempt is made")
        wait_until(
            lambda: _attempts(database)[-1] == (2, "completed"), "the second attempt completes"
        )

        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=60)
    assert home.rhizome("down").returncode == 0
    home.wait_until_empty()


def _attempts(database: Database) -> list[tuple[int, str | None]]:
    rows = database.all("select number, outcome from job_attempts order by number")
    return [(row["number"], row["outcome"]) for row in rows]


def _leader(parent: int, part: str) -> psutil.Process:
    for child in psutil.Process(parent).children():
        if any(part in word for word in child.cmdline()):
            return child
    raise AssertionError(f"there is no {part}")


def _replaced(parent: int, part: str, victim: psutil.Process) -> bool:
    try:
        return _leader(parent, part) != victim
    except (AssertionError, psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
