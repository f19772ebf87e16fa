"""What a command leaves out, or leaves undone, is said beside its result."""

from typing import Any

import pytest

from rhizome_pipelines.cli.connections import _processed
from rhizome_pipelines.cli.importing import _mention_connections
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.settings import DEFAULT_USER

IMPORTED = {
    "documentId": "00000000-0000-4000-8000-000000000001",
    "decision": "replace",
    "chunksImported": 5,
    "connectionsImported": 0,
    "connectionDetectionJobId": None,
}


def test_of_all_documents_those_that_are_not_processed_are_left_out(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = DocumentRepository(services.database)
    for title in ("one", "two", "three"):
        documents.insert(NewDocument(DEFAULT_USER, SourceType.TXT, title=title))
    services.database.execute(
        "update documents set processing_status = 'completed' where title = 'one'"
    )

    (only,) = _processed(services, [], everything=True)

    assert only.title == "one"
    assert "2 documents left out, not processed yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "1 document came without connections; `rhizome detect 00000000-0000-4000-8000-"),
        ({"connectionsImported": 3}, ""),
        ({"connectionDetectionJobId": "x"}, ""),
        ({"decision": "skip", "chunksImported": 0}, ""),
    ],
)
def test_an_import_without_connections_says_who_looks_for_them(
    capsys: pytest.CaptureFixture[str], change: dict[str, Any], told: str
) -> None:
    _mention_connections([{**IMPORTED, **change}])

    said = capsys.readouterr().err
    assert told in said if told else said == ""
