"""SQL as another program would run it."""

from collections.abc import Sequence
from typing import Any

from rhizome_pipelines.database.connection import connect


def rows(url: str, query: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
    with connect(url) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def run(url: str, script: str) -> None:
    with connect(url) as connection:
        connection.execute(script.encode())
