"""What the command line loads: nobody waits for what the command at hand does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

from rhizome_pipelines.cli import database, documents, jobs, storage
from rhizome_pipelines.cli.app import app
from rhizome_pipelines.deployment.finding import find_items
from rhizome_pipelines.deployment.intake import Added, take_in
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.settings import DEFAULT_USER

FOR_WORK = {
    "alembic", "boto3", "botocore", "charset_normalizer", "dagster", "httpx", "lxml", "numpy",
    "pandas", "pyarrow", "sqlalchemy", "tokenizers", "trafilatura", "wordllama",
}  # fmt: skip
FOR_THE_DATABASE = {"psycopg", "psycopg_pool", "pydantic_settings", "psutil"}

PROGRAM = """
import sys
from rhizome_pipelines.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", *{name.partition(".")[0] for name in sys.modules})
"""


def loaded(*arguments: object) -> set[str]:
    """The packages that a command has loaded when it ends."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("command", [["--help"], ["process", "--help"], ["up", "--help"]])
def test_help_needs_neither_database_nor_settings(command: list[str]) -> None:
    assert loaded(*command) & (FOR_WORK | FOR_THE_DATABASE) == set()


def test_known_documents_are_shown_without_what_processing_takes(
    services: Services, tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text("# A note")
    (added,) = take_in(services, DEFAULT_USER, find_items([str(tmp_path / "note.md")]))
    assert isinstance(added, Added)
    services.database.execute(
        "insert into background_jobs (user_id, job_type, entity_id, status) "
        "values (%s, 'process_document', %s, 'completed')",
        (DEFAULT_USER, added.document.id),
    )

    found = loaded("process", tmp_path / "note.md")

    assert found & FOR_WORK == set()
    assert found >= {"psycopg", "pydantic_settings"}


def test_families_are_told_of_as_they_tell_of_themselves() -> None:
    told = {group.name: group.typer_instance for group in app.registered_groups}

    families = {"jobs": jobs, "documents": documents, "storage": storage, "db": database}
    assert told.keys() == families.keys()
    for name, own in ((name, module.app) for name, module in families.items()):
        family = told[name]
        assert family is not None
        assert family.info.help == own.info.help
