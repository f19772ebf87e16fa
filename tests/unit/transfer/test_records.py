"""A chunk's shape: the columns of the table, their limits, and when two chunks are one row."""

import pytest
from pydantic import ValidationError

from rhizome_pipelines.database.chunk_rows import COLUMNS as STORED
from rhizome_pipelines.transfer.records import COLUMNS, ChunkRecord, same_record
from rhizome_pipelines.transfer.tables import CHUNKS


def test_every_column_of_the_table_travels() -> None:
    assert set(COLUMNS) == set(STORED)
    assert set(COLUMNS) < set(CHUNKS.names)


@pytest.mark.parametrize(
    "change",
    [
        {"chunk_index": -1},
        {"chunk_index": True},
        {"chunk_index": 2**31},
        {"content": None},
        {"content": "half \ud83c"},
        {"content": "\0"},
        {"importance_score": 1.1},
        {"importance_score": float("nan")},
        {"start_offset": 3, "end_offset": 2},
        {"metadata_extracted_at": "yesterday"},
        {"metadata_extracted_at": "9999-12-31T23:59:59-14:00"},
        {"metadata_extracted_at": "0001-01-01T00:00:00+14:00"},
        {"heading_path": "One"},
        {"position_validated": 1},
        {"chunker_type": "sausage"},
    ],
)
def test_what_the_table_refuses_is_refused(change: dict[str, object]) -> None:
    good = {"chunk_index": 0, "content": "Roots 🌱", "surplus": "passed over"}
    ChunkRecord.model_validate(good)
    with pytest.raises(ValidationError):
        ChunkRecord.model_validate({**good, **change})


def test_two_spellings_of_one_row_are_the_same() -> None:
    one = {"content": "a", "metadata_extracted_at": "2026-01-02T03:04:05Z"}
    other = {
        "content": "a",
        "metadata_extracted_at": "2026-01-02T04:04:05+01:00",
        "position_validated": False,
        "summary": None,
    }
    assert same_record(one, other)
    assert not same_record(one, {**other, "summary": "Other."})
