"""Whose turn it is: of all who could carry out wishes in one database, one does at a time.

Whoever has the turn holds an advisory lock of Postgres, in the session of the connection that it
listens on. So the turn ends with the connection, however that ends, and it is the same for all
deployments that share the database.
"""

from typing import LiteralString

import psycopg

from rhizome_pipelines.database.connection import translated
from rhizome_pipelines.database.listen import Listener

TURNS = "rhizome_turn"
"""Channel: somebody has given up the turn."""

_TAKE = "select pg_try_advisory_lock(hashtext('rhizome_turn'))"
_GIVE_UP = "select pg_advisory_unlock(hashtext('rhizome_turn')), pg_notify('rhizome_turn', '')"


def take_turn(listener: Listener) -> bool:
    """Whether it is this listener's turn from now on. Never waits."""
    return _answer(listener, _TAKE)


def give_up_turn(listener: Listener) -> None:
    """The turn was this listener's, and is another's; whoever waits is told at once."""
    _answer(listener, _GIVE_UP)


def _answer(listener: Listener, query: LiteralString) -> bool:
    try:
        row = listener.connection.execute(query).fetchone()
    except psycopg.OperationalError as error:
        raise translated(listener.url, error) from error
    return row is not None and bool(row[0])
