"""What Postgres refuses, classed by its SQLSTATE: what may pass, and what would fail again."""

import threading
from collections.abc import Callable

import psycopg
import pytest

from rhizome_pipelines.database.connection import Database, is_transient
from rhizome_pipelines.deployment.faults import explained
from rhizome_pipelines.lifecycle.errors import ErrorType, TransientError


def on(statement: str) -> Callable[[Database], None]:
    return lambda database: database.execute(statement.encode())  # type: ignore[arg-type, func-returns-value]  # not literal


REFUSED_NOW: dict[str, Callable[[Database], None]] = {
    "57014": on("set statement_timeout = '20ms'; select pg_sleep(10)"),
    "25006": on("begin read only; create table one (); commit"),
    "57P01": on("select pg_terminate_backend(pg_backend_pid())"),
    **{
        state: on(
            f"do $$ begin raise exception 'page 500 of 900' using errcode = '{state}'; end $$"
        )
        for state in ("08006", "40001", "40P01", "53100", "53300", "55P03", "57P03", "58030")
    },
}


@pytest.mark.parametrize("refused", REFUSED_NOW.values(), ids=REFUSED_NOW)
def test_what_may_pass_is_tried_again(
    database: Database, refused: Callable[[Database], None]
) -> None:
    with pytest.raises(TransientError) as caught:
        refused(database)
    assert explained(caught.value).error_type is ErrorType.TRANSIENT


@pytest.mark.parametrize(
    "statement",
    [
        "select * from no_such_table",
        "select 1 / 0",
        "insert into background_jobs (user_id) values (null)",
        "select 'HTTP 503 timeout'::int",
        "do $$ begin raise exception 'too long' using errcode = '54000'; end $$",
        "do $$ begin raise exception 'no' using errcode = '42501'; end $$",
    ],
)
def test_what_would_fail_again_is_permanent_and_no_defect(
    database: Database, statement: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        on(statement)(database)
    told = explained(caught.value)
    assert told.error_type is ErrorType.PERMANENT
    assert "defect" not in told.message
    assert str(caught.value.sqlstate) in told.message


def test_a_lock_that_is_not_had_in_time_may_be_free_later(database: Database) -> None:
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with database.transaction() as connection:
            connection.execute("lock table background_jobs")
            held.set()
            over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        held.wait()
        with (
            pytest.raises(TransientError),
            database.transaction() as connection,
        ):
            connection.execute("set local lock_timeout = '10ms'")
            connection.execute("select from background_jobs")
    finally:
        over.set()
        holder.join()


def test_what_the_driver_itself_refuses_is_not_tried_again(database: Database) -> None:
    with pytest.raises(psycopg.Error) as caught:
        database.execute("select %s", ("a\0b",))
    assert not is_transient(caught.value)
    assert explained(caught.value).error_type is ErrorType.PERMANENT
