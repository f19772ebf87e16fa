"""Ctrl-C of `rhizome up` with a job at work: no fault of the job, and the next start goes on."""

import signal
from pathlib import Path
from uuid import UUID

from tests.system.home import Home, answers, wait_until
from tests.system.long_pdf import long_pdf, parts


def test_the_next_start_goes_on_where_it_was(home: Home, port: int, tmp_path: Path) -> None:
    added = home.rhizome("documents", "add", long_pdf(tmp_path / "book.pdf"))
    assert added.returncode == 0, added.stderr
    (folder,) = (home.path / "objects").glob(f"*/{UUID(added.stdout.strip())}")

    with home.database() as database:
        with home.start("up", "--port", str(port)) as up:
            wait_until(lambda: answers(port), "the web server answers")
            database.execute(
                "insert into background_jobs (user_id, job_type, entity_type, entity_id) "
                "select user_id, 'process_document', 'document', id from documents"
            )
            wait_until(lambda: len(parts(folder)) >= 2, "two windows of pages are kept")
            up.send_signal(signal.SIGINT)
            told, _ = up.communicate(timeout=60)
        assert up.returncode == 0, told
        (job,) = database.all("select status, retry_count from background_jobs")
        assert job == {"status": "pending", "retry_count": 0}
        (attempt,) = database.all("select outcome from job_attempts")
        assert attempt["outcome"] == "shutdown"
        kept = {name: (folder / name).stat().st_ino for name in parts(folder)}
        assert kept
        assert not (folder / "content.md").exists()

        with home.start("up", "--port", str(port)) as up:
            wait_until(lambda: len(parts(folder)) > len(kept), "a further window is kept")
            for name, inode in kept.items():
                assert (folder / name).stat().st_ino == inode, f"{name} was made again"
            wait_until(
                lambda: database.all(
                    "select from background_jobs where status = 'completed' and retry_count = 0"
                ),
                "the job is completed",
            )
            attempts = database.all("select trigger, outcome from job_attempts order by number")
            assert [tuple(one.values()) for one in attempts] == [
                ("start", "shutdown"),
                ("resume", "completed"),
            ]
            up.send_signal(signal.SIGINT)
            told, _ = up.communicate(timeout=60)
        assert up.returncode == 0, told
    assert home.rhizome("down").returncode == 0
    home.wait_until_empty()
