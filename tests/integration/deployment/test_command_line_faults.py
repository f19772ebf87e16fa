"""Faults at the command line: one sentence each, and no secret in any."""

import pytest

from rhizome_pipelines.settings import DEFAULT_USER
from tests.bad_input import SAMPLES
from tests.integration.deployment.command_line import CommandLine

# Faults, in one line

UNREACHABLE = "postgresql://rhizome:s3cret%21pass@127.0.0.1:1/rhizome"
COMMANDS = [
    ("jobs", "list"),
    ("jobs", "show", str(DEFAULT_USER)),
    ("documents", "list"),
    ("documents", "add", str(SAMPLES / "card-box.md")),
    ("process", str(SAMPLES / "card-box.md")),
    ("db", "migrate"),
    ("db", "status"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_that_cannot_be_reached(
    rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RHIZOME_DATABASE_URL", UNREACHABLE)

    told = rhizome.complaint(1, *command)

    assert "The database 127.0.0.1:1/rhizome cannot be reached" in told
    assert "s3cret" not in told


def test_the_doctor_tells_of_a_database_that_cannot_be_reached(
    rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_DATABASE_URL", UNREACHABLE)

    done = rhizome("doctor")

    assert done.exit_code == 1
    assert "cannot be reached" in done.stdout
    assert "s3cret" not in done.output


@pytest.mark.parametrize("command", [*COMMANDS, ("doctor",), ("up",), ("down",)], ids=" ".join)
def test_all_faults_of_the_settings_in_one_message(
    rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "many")
    monkeypatch.setenv("RHIZOME_STORAGE_URL", "ftp://somewhere")
    monkeypatch.setenv("RHIZOME_USER", "me")

    told = rhizome.complaint(2, *command)

    for name in ("RHIZOME_MAX_IN_FLIGHT", "RHIZOME_STORAGE_URL", "RHIZOME_USER"):
        assert name in told


def test_a_url_that_is_none_is_not_repeated(
    rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_DATABASE_URL", "mysql://rhizome:s3cret@host/name")

    told = rhizome.complaint(2, "jobs", "list")

    assert "postgresql://user:password@host:port/name" in told
    assert "s3cret" not in told


def test_a_bucket_that_is_not_there(rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_STORAGE_URL", "s3://rhizome-tests/x")
    monkeypatch.setenv("RHIZOME_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RHIZOME_S3_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")

    told = rhizome.complaint(1, "documents", "add", SAMPLES / "card-box.md")

    assert "s3cret" not in told


def test_there_is_nothing_to_stop(rhizome: CommandLine) -> None:
    assert rhizome.lines("down") == ["Nothing was running."]


def test_no_job_is_under_way(rhizome: CommandLine) -> None:
    assert rhizome.lines("jobs", "watch") == ["No job is under way."]


def test_help_is_shown_without_settings(
    rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_USER", "me")

    done = rhizome("--help")

    assert done.exit_code == 0
    assert "doctor" in done.output
