"""`rhizome process`: from nothing to results, with a deployment of its own."""

import json
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

from tests.bad_input import SAMPLES, encrypted_pdf
from tests.system.home import Home, answers, wait_until
from tests.system.long_pdf import long_pdf, parts

FILES = ["card-box.md", "letter-on-note-boxes.paste.txt", "in-praise-of-forgetting.txt"]


def test_three_files_twice(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "my documents"
    folder.mkdir()
    for name in FILES:
        shutil.copy(SAMPLES / name, folder / name)

    first = home.rhizome("process", folder)

    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("completed") >= len(FILES)
    jobs = _jobs(home)
    assert [job["status"] for job in jobs] == ["completed"] * len(FILES)

    again = home.rhizome("process", folder, "--json")

    assert again.returncode == 0, again.stderr
    results = json.loads(again.stdout)
    assert {result["job_id"] for result in results} == {str(job["id"]) for job in jobs}
    assert _jobs(home) == jobs, "what was done was done again"
    home.wait_until_empty()


def test_the_other_jobs_are_done_by_the_deployment_that_is_up(
    home: Home, port: int, tmp_path: Path
) -> None:
    folder = tmp_path / "my documents"
    folder.mkdir()
    for name in FILES:
        shutil.copy(SAMPLES / name, folder / name)
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        processed = home.rhizome("process", folder, "--json")
        assert processed.returncode == 0, processed.stderr
        _detect_reprocess_export_import(home, json.loads(processed.stdout), tmp_path)
        up.send_signal(signal.SIGTERM)
        assert "Stopped" in up.communicate(timeout=60)[0]
    home.wait_until_empty()


def _detect_reprocess_export_import(
    home: Home, results: list[dict[str, Any]], tmp_path: Path
) -> None:
    detected = home.rhizome("detect", *(result["document_id"] for result in results), "--json")

    assert detected.returncode == 0, detected.stderr
    found = json.loads(detected.stdout)
    assert [one["status"] for one in found] == ["completed"] * len(FILES)
    documents = [result["document_id"] for result in results]
    assert [one["document_id"] for one in found] == documents
    assert [one["output"]["documentId"] for one in found] == documents
    assert [one["output"]["jobId"] for one in found] == [one["job_id"] for one in found]

    anew = home.rhizome("reprocess", results[0]["document_id"], "--mode", "all", "--json")
    assert anew.returncode == 0, anew.stderr
    (of_one,) = json.loads(anew.stdout)
    assert (of_one["output"]["mode"], of_one["output"]["documentId"]) == ("all", documents[0])

    archive = tmp_path / "all of it.zip"
    exported = home.rhizome("export", "--all", "--output", archive)

    assert exported.returncode == 0, exported.stderr
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert sum(name.endswith("content.md") for name in opened.namelist()) == len(FILES)
    foreseen = home.rhizome("import", archive, "--dry-run", "--json")
    assert foreseen.returncode == 0, foreseen.stderr
    plan = json.loads(foreseen.stdout)["documents"]
    assert [one["decision"] for one in plan] == ["skip"] * len(FILES)
    imported = home.rhizome("import", archive, "--strategy", "replace", "--json")
    assert imported.returncode == 0, imported.stderr
    outcome = json.loads(imported.stdout)
    assert outcome["output"]["jobId"] == outcome["job_id"]
    decided = outcome["output"]["documents"]
    assert [one["decision"] for one in decided] == ["replace"] * len(FILES)
    written = archive.read_bytes()
    assert home.rhizome("export", "--all", "--output", archive).returncode == 2
    assert archive.read_bytes() == written, "a file was overwritten that nobody gave up"


def test_one_bad_file_fails_the_command_and_no_other_document(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(SAMPLES / "card-box.md", folder)
    encrypted_pdf(folder)

    done = home.rhizome("process", folder, "--json")

    assert done.returncode == 1, done.stdout + done.stderr
    results = {result["title"]: result for result in json.loads(done.stdout)}
    statuses = sorted(result["status"] for result in results.values())
    assert statuses == ["completed", "failed"]
    (failed,) = [one for one in results.values() if one["status"] == "failed"]
    assert "password" in failed["error_message"]
    assert failed["error_type"] == "invalid"


def test_ctrl_c_leaves_nothing_and_loses_nothing(home: Home, tmp_path: Path) -> None:
    book = long_pdf(tmp_path / "book.pdf", pages=100)
    with home.start("process", book) as process:
        objects = home.path / "objects"
        wait_until(lambda: _kept(objects), "a window of pages is kept")
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)

    assert process.returncode == 130, told
    home.wait_until_empty()
    with home.database() as database:
        (job,) = database.all("select * from background_jobs")
        assert told.splitlines()[-1].startswith(f"rhizome: Stopped; the job {str(job['id'])[:8]} ")
        (attempt,) = database.all("select * from job_attempts")
    assert (job["status"], attempt["outcome"]) == ("pending", "shutdown")
    kept = _kept(objects)
    assert kept

    again = home.rhizome("process", book)

    assert again.returncode == 0, again.stdout + again.stderr
    with home.database() as database:
        attempts = database.all("select * from job_attempts order by number")
    assert [one["outcome"] for one in attempts] == ["shutdown", "completed"]
    assert attempts[1]["trigger"] == "resume"


def test_ctrl_c_tells_what_becomes_of_the_job(home: Home, port: int, tmp_path: Path) -> None:
    assert home.rhizome("process", SAMPLES / "card-box.md").returncode == 0
    archive = str(tmp_path / "library.zip")
    for command in (["export", "--all", "-o", archive], ["reprocess", "--all"]):
        with home.start(*command) as process, home.database() as database:
            wait_until(
                lambda: database.first("select id from background_jobs where status = 'pending'"),
                "the job is asked for",
            )
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=60)
            job = database.first("select * from background_jobs where status = 'pending'")
        assert process.returncode == 130, told
        assert job is not None
        short = str(job["id"])[:8]
        (line,) = [one for one in told.splitlines() if one.startswith("rhizome: ")]
        assert line.startswith(f"rhizome: Stopped; the job {short} waits")
        assert home.rhizome("jobs", "cancel", short).returncode == 0

    book = long_pdf(tmp_path / "book.pdf", pages=600)
    with home.start("up", "--port", str(port)) as up:
        wait_until(lambda: answers(port), "the web server answers")
        with home.start("process", book) as process, home.database() as database:
            wait_until(
                lambda: database.first(
                    "select id from background_jobs where status = 'processing'"
                ),
                "the job is at work",
            )
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=60)
            assert process.returncode == 130, told
            line = told.splitlines()[-1]
            assert line.startswith("rhizome: No longer watching; the job ")
            wait_until(
                lambda: (
                    not database.first("select id from background_jobs where status = 'processing'")
                ),
                "the job goes on to its end",
            )
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=60)


def _jobs(home: Home) -> list[dict[str, Any]]:
    with home.database() as database:
        return database.all("select * from background_jobs order by id")


def _kept(objects: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in objects.glob("*/*"):
        found |= parts(folder)
    return found
