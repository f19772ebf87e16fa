"""Which documents `detect`, `reprocess` and `export` take, and what they say otherwise."""

import os
import stat
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import SourceType
from tests.integration.deployment.command_line import CommandLine

COMMANDS = ("detect", "reprocess", "export")


@pytest.mark.parametrize("command", COMMANDS)
def test_documents_are_named_or_all_are_meant(
    rhizome: CommandLine, services: Services, command: str
) -> None:
    for arguments in ([], ["--all", uuid4()]):
        told = rhizome.complaint(2, command, *arguments)
        assert told == "rhizome: Name the documents, or say --all."
    assert "no document yet" in rhizome.complaint(2, command, "--all")
    assert "There is no document" in rhizome.complaint(2, command, uuid4())


@pytest.mark.parametrize("command", ["detect", "reprocess"])
def test_only_what_is_processed_is_meant_by_all(
    rhizome: CommandLine, services: Services, command: str
) -> None:
    DocumentRepository(services.database).insert(
        NewDocument(services.settings.user, SourceType.TXT)
    )
    assert "No document has been processed" in rhizome.complaint(2, command, "--all")


def test_chunks_are_of_one_document(rhizome: CommandLine, services: Services) -> None:
    for documents in ([], [uuid4(), uuid4()]):
        told = rhizome.complaint(2, "detect", *documents, "--chunk", uuid4())
        assert "of one document" in told


def test_an_archive_is_put_only_where_no_other_thing_is(
    rhizome: CommandLine, services: Services, tmp_path: Path
) -> None:
    DocumentRepository(services.database).insert(
        NewDocument(services.settings.user, SourceType.TXT)
    )
    os.mkfifo(tmp_path / "pipe")

    told = rhizome.complaint(2, "export", "--all", "-o", tmp_path / "pipe", "--force")

    assert told.endswith("pipe' is a pipe; name a file.")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert "standard output" in rhizome.complaint(2, "export", "--all", "-o", "-")
    assert rhizome.json("jobs", "list") == []


# Ids that are shortened


@pytest.mark.parametrize("command", ["detect", "reprocess", "export", "documents show"])
def test_an_id_that_means_no_document(
    rhizome: CommandLine, services: Services, command: str
) -> None:
    alike = [f"0123abcd-0000-400{number}-8000-000000000001" for number in (1, 2)]
    for one in alike:
        DocumentRepository(services.database).insert(
            NewDocument(services.settings.user, SourceType.TXT, id=UUID(one))
        )
    theirs = DocumentRepository(services.database).insert(NewDocument(uuid4(), SourceType.TXT))

    for named, sentence in (
        ("0123abcd", "More than one document's id begins with '0123abcd'; give more."),
        ("0123ab%", "'0123ab%' is no document's id; give the whole id, or at least its first 6"),
        ("012", "'012' is too short for a document's id: at least its first 6 characters"),
        (str(theirs.id)[:8], f"There is no document '{str(theirs.id)[:8]}' of this user"),
    ):
        assert sentence in rhizome.complaint(2, *command.split(), named)


def test_documents_are_shown_and_deleted_by_how_their_ids_begin(
    rhizome: CommandLine, services: Services
) -> None:
    documents = DocumentRepository(services.database)
    one = documents.insert(NewDocument(services.settings.user, SourceType.TXT))

    assert rhizome.json("documents", "show", str(one.id)[:8].upper())["id"] == str(one.id)
    done = rhizome("documents", "delete", "--yes", str(one.id)[:8], one.id, "ffffffff-ffff", "abc")

    assert done.exit_code == 2
    assert "Removed 1 document" in done.stdout
    first, second = done.stderr.splitlines()
    assert "There is no document 'ffffffff-ffff'" in first
    assert "'abc' is too short for a document's id" in second
    assert documents.list(services.settings.user) == []
