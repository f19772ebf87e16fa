"""Whether somebody carries out wishes: the sensor leaves a sign of life at every tick."""

from datetime import timedelta

from rhizome_pipelines.database.connection import Database

FRESH = timedelta(seconds=20)
"""A tick lasts at most 10 seconds, and the next begins within 5."""


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
