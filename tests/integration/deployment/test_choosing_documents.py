"""Which documents `detect`, `reprocess` and `export` take, and what they say otherwise."""

from uuid import uuid4

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
