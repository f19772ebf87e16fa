"""What clients ask of exports and imports: read in their spelling, all faults told at once."""

from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.inputs import (
    ExportFormat,
    ExportInput,
    ImportInput,
    ImportStrategy,
)


def test_an_export_is_read_as_clients_write_it() -> None:
    one, other = uuid4(), uuid4()
    found = ExportInput.read(
        {
            "document_ids": [str(one), str(other), str(one)],
            "includeConnections": True,
            "includeAnnotations": None,
            "format": "markdown",
            "title": "of another program",
        }
    )
    assert found.document_ids == (one, other)
    assert (found.include_connections, found.include_annotations) == (True, False)
    assert found.format is ExportFormat.MARKDOWN


def test_every_fault_of_an_export_is_told_in_one_message() -> None:
    with pytest.raises(InvalidInputError) as refused:
        ExportInput.read({"document_ids": ["x"], "includeConnections": "yes", "format": "rar"})
    for word in ("document_ids.0", "includeConnections", "format", "'zip'"):
        assert word in refused.value.message


def test_an_export_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="document_ids"):
        ExportInput.read({})


def test_hundreds_of_faults_make_a_short_message() -> None:
    with pytest.raises(InvalidInputError, match=r"and 4\d\d more") as refused:
        ExportInput.read({"document_ids": ["x" * 10_000] * 500})
    assert len(refused.value.message) < 6_000


def test_an_import_is_read_as_clients_write_it() -> None:
    found = ImportInput.read(
        {"document_id": str(UUID(int=1)), "strategy": "merge_smart", "regenerateEmbeddings": True}
    )
    assert found.strategy is ImportStrategy.MERGE_SMART
    assert found.regenerate_embeddings and not found.reprocess_connections
    assert ImportInput.read({"storage_path": "u/a.zip"}).strategy is ImportStrategy.SKIP


def test_an_import_must_name_something() -> None:
    with pytest.raises(InvalidInputError, match="storage_path"):
        ImportInput.read({"strategy": "skip"})
