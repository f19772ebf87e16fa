"""Documents removed while real processes work on them: nothing is left, and nothing comes back."""

import json
import signal
from pathlib import Path
from typing import Any

from tests.system.home import Home, answers, wait_until
from tests.system.long_pdf import long_pdf, parts


def test_a_document_that_is_being_worked_on_goes_with_all_of_it(
    home: Home, port: int, tmp_path: Path
) -> None:
    def add(name: str) -> str:
        path = long_pdf(tmp_path / f"{name}.pdf", 200 if name == "first" else 201)
        added = home.rhizome("documents", "add", path)
        assert added.returncode == 0, added.stderr
        return added.stdout.strip()

    def removed(*command: str) -> Any:
        done = home.rhizome(*command, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    objects = home.path / "objects"
    with home.start("up", "--port", str(port)) as started, home.database() as database:
        wait_until(lambda: answers(port), "the web server answers")
        for name, command in (
            ("first", ["documents", "delete", "{}", "--yes"]),
            ("second", ["jobs", "reset", "--confirm", "reset"]),
        ):
            document = add(name)
            database.execute(
                "insert into background_jobs (user_id, job_type, entity_type, entity_id) "
                "select user_id, 'process_document', 'document', id from documents"
            )
            (folder,) = objects.glob(f"*/{document}")
            wait_until(lambda folder=folder: parts(folder), "a window of pages is kept")

            done = removed(*(word.format(document) for word in command))

            assert (done["documents"], done["jobs"]) == (1, 1)
            assert done["files"] >= 1, "the file itself; the rest the attempt may have cleaned up"
            assert done["partitions"] + done["partitions_in_use"] == 1
            wait_until(
                lambda: not home.workers() and not database.all("select from job_attempts"),
                "the attempt is over and cleaned up",
            )
            for table in ("documents", "chunks", "background_jobs"):
                assert database.all(f"select from {table}") == []
            assert [path for path in objects.rglob("*") if path.is_file()] == []
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=60)
    assert home.rhizome("down").returncode == 0
    home.wait_until_empty()
