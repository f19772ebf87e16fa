"""Whether somebody carries out wishes: the sensor leaves a sign of life every few seconds.

And whether its deployment is ending: then it begins nothing more, least of all the jobs that the
workers give back because they were asked to end.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rhizome_pipelines.database.connection import Database

FRESH = timedelta(seconds=20)
"""A tick lasts at most 10 seconds, and the next begins within 5."""

SIGN_SECONDS = 5.0
"""How often a tick that is at work leaves a sign."""

LONGEST_STOP = 60.0
"""Seconds that the ending of a deployment takes at the most."""


def leave_sign(database: Database) -> None:
    """A reconciler is at work now."""
    database.execute(
        """
        insert into reconciler_presence (name, seen_at) values ('sensor', now())
        on conflict (name) do update set seen_at = excluded.seen_at
        """
    )


def withdraw_sign(database: Database) -> None:
    """The reconciler is going away: nobody need wait for it."""
    database.execute("delete from reconciler_presence")


def somebody_is_there(database: Database) -> bool:
    """Whether a reconciler has given a sign of life lately, by the database's clock."""
    return (
        database.first(
            "select from reconciler_presence where seen_at > now() - %s::interval", (FRESH,)
        )
        is not None
    )


def seconds_of_silence(database: Database) -> float | None:
    """How long ago a reconciler gave its last sign; None if it has taken its sign away."""
    row = database.first(
        "select extract(epoch from now() - max(seen_at))::float as seconds from reconciler_presence"
    )
    return None if row is None else row["seconds"]


@contextmanager
def stopping(home: Path) -> Iterator[None]:
    """The deployment of this home is ending, for as long as the context lasts."""
    sign = _stop_file(home)
    sign.touch()
    try:
        yield
    finally:
        sign.unlink(missing_ok=True)


def is_stopping(home: Path) -> bool:
    """Whether the deployment of this home is ending; an old sign is of one that was killed."""
    try:
        began = _stop_file(home).stat().st_mtime
    except FileNotFoundError:
        return False
    return time.time() - began < LONGEST_STOP


def _stop_file(home: Path) -> Path:
    return home / "dagster" / "stopping"
