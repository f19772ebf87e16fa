"""What continuous integration does: add a document, execute the job by Dagster's own command."""

import re
import shutil
from pathlib import Path
from uuid import UUID

import yaml

from rhizome_pipelines.settings import DEFAULT_USER
from tests.bad_input import SAMPLES, truncated_pdf
from tests.system.home import ROOT, Home

CONFIG = re.compile(r"```yaml\n# (\w+)\.yaml\n(.*?)```", re.DOTALL)


def _execute(home: Home, document_id: str, job: str = "process_document") -> tuple[int, str]:
    return _run(home, job, "--tags", f'{{"dagster/partition": "{document_id}"}}')


def _run(home: Home, job: str, *options: str | Path) -> tuple[int, str]:
    definitions = ("-m", "rhizome_pipelines.definitions")
    done = home.command("dagster", "job", "execute", *definitions, "-j", job, *options)
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


def test_the_configs_that_the_documents_show(home: Home, tmp_path: Path) -> None:
    document_id = home.rhizome("documents", "add", SAMPLES / "card-box.md").stdout.strip()
    for job in ("process_document", "detect_connections"):
        code, told = _execute(home, document_id, job)
        assert code == 0, told
    shown = dict(CONFIG.findall((ROOT / "docs" / "dagster.md").read_text()))
    assert [*shown] == ["export_documents", "import_document", "reprocess_connections"]

    for job, config in shown.items():
        meant = config.replace("DOCUMENT", document_id).replace("USER", str(DEFAULT_USER))
        path = tmp_path / f"{job}.yaml"
        path.write_text(meant)
        code, told = _run(home, job, "-c", path)
        assert code == 0, told
        if job == "export_documents":
            (archive,) = (home.path / "objects").glob("*/exports/*.zip")
            place = (
                home.path
                / "objects"
                / yaml.safe_load(shown["import_document"].replace("USER", str(DEFAULT_USER)))[
                    "storage_path"
                ]
            )
            place.parent.mkdir()
            shutil.copy(archive, place)

    with home.database() as database:
        jobs = database.all("select job_type, status from background_jobs order by created_at")
    assert [(one["job_type"], one["status"]) for one in jobs[2:]] == [
        (job, "completed") for job in shown
    ]


def test_the_definitions_are_valid(home: Home) -> None:
    done = home.command("dagster", "definitions", "validate")

    assert done.returncode == 0, done.stdout + done.stderr
