"""How values of rows come into Python, where Postgres holds what Python or JSON cannot.

Any client may have written a row. One that nobody can read must not end what reads many.
"""

import json
from datetime import UTC, datetime
from functools import cache, partial
from math import isinf
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import set_json_loads

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
"""What is before or after is told as this: a day within Python's range, for any time zone."""

_DIGITS_OF_64_BITS = len("-9223372036854775807")


class _BoundedMoments(TimestamptzLoader):
    """Infinity, years before Christ and after 9999 are the nearest moment that there is."""

    def load(self, data: Buffer) -> datetime:
        try:
            return min(max(super().load(data), EARLIEST), LATEST)
        except psycopg.DataError:
            text = bytes(data)
            return EARLIEST if text.startswith(b"-") or text.endswith(b"BC") else LATEST


def _whole_number(digits: str) -> int | float | str:
    """An integer of 64 bits; what is larger, as JSON's other readers take it, a double.

    What is no double either stays what it is, as text.
    """
    if len(digits) <= _DIGITS_OF_64_BITS and abs(exact := int(digits)) < 2**63:
        return exact
    number = float(digits)
    return digits if isinf(number) else number


loads_json: Any = partial(json.loads, parse_int=_whole_number)


@cache
def row_adapters() -> AdaptersMap:
    """For the making of a connection (`context`), which takes a copy."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("timestamptz", _BoundedMoments)
    set_json_loads(loads_json, adapters)
    return adapters
