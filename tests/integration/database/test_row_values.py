"""Rows that any client may have written can be read, whatever Postgres lets them hold."""

from datetime import datetime
from typing import Any

import pytest

from rhizome_pipelines.database.connection import Database, connect
from rhizome_pipelines.database.row_values import EARLIEST, LATEST


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("infinity", LATEST),
        ("-infinity", EARLIEST),
        ("0044-03-15 12:00:00+00 BC", EARLIEST),
        ("294276-12-31 23:59:59+00", LATEST),
        ("9999-12-31T23:59:59-14:00", LATEST),
        ("0001-01-01T00:00:00+14:00", EARLIEST),
        ("2026-01-02T03:04:05.000006+05:30", datetime.fromisoformat("2026-01-01T21:34:05.000006Z")),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_moments(database: Database, zone: str, written: str, read: datetime) -> None:
    with database.transaction() as connection:
        connection.execute("select set_config('timezone', %s, true)", (zone,))
        row = connection.execute("select %s::timestamptz", (written,)).fetchone()
    assert row == (read,)
    assert row[0].astimezone().isoformat()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1", 1),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", 1 - 2**63),
        ("9223372036854775808", 2.0**63),
        ("1e300", 1e300),
        ("-1e300", -1e300),
        ("1e400", "1" + "0" * 400),
        ("1.5", 1.5),
        ('{"a": [1e20, "1e20"]}', {"a": [1e20, "1e20"]}),
    ],
)
def test_numbers_in_json(database: Database, database_url: str, written: str, read: Any) -> None:
    (row,) = database.all("select %s::jsonb as value", (written,))
    assert row["value"] == read
    assert type(row["value"]) is type(read)
    with connect(database_url) as connection:
        assert connection.execute("select %s::jsonb", (written,)).fetchone() == (read,)
