"""What continuous integration does: add a document, execute the job by Dagster's own command."""

from pathlib import Path
from uuid import UUID

from tests.bad_input import SAMPLES, truncated_pdf
from tests.system.home import Home


def _execute(home: Home, document_id: str) -> tuple[int, str]:
    done = home.command(
        "dagster",
        *("job", "execute", "-m", "rhizome_pipelines.definitions", "-j", "process_document"),
        *("--tags", f'{{"dagster/partition": "{document_id}"}}'),
    )
    return done.returncode, done.stdout + done.stderr


def test_a_document_is_added_and_processed(home: Home) -> None:
    added = home.rhizome("documents", "add", SAMPLES / "card-box.md")
    assert added.returncode == 0, added.stderr
    document_id = added.stdout.strip()
    assert str(UUID(document_id)) == document_id

    code, told = _execute(home, document_id)

    assert code == 0, told
    with home.database() as database:
        (job,) = database.all("select * from background_jobs")
        (document,) = database.all("select * from documents")
    assert (job["status"], str(job["entity_id"])) == ("completed", document_id)
    assert document["processing_status"] == "completed"


def test_a_bad_document_fails_the_command_and_the_row(home: Home, tmp_path: Path) -> None:
    added = home.rhizome("documents", "add", truncated_pdf(tmp_path))
    assert added.returncode == 0, added.stderr

    code, told = _execute(home, added.stdout.strip())

    assert code == 1, told
    with home.database() as database:
        (job,) = database.all("select * from background_jobs")
        (document,) = database.all("select * from documents")
    assert (job["status"], job["error_type"]) == ("failed", "invalid")
    assert document["processing_status"] == "failed"
    assert job["error_message"] == document["processing_error"]
    assert job["error_message"] in told


def test_the_definitions_are_valid(home: Home) -> None:
    done = home.command("dagster", "definitions", "validate")

    assert done.returncode == 0, done.stdout + done.stderr
