"""`provider_circuits`: which outside services fail everybody, and the jobs that wait for them.

The row of a provider is the lock: whoever changes it, or makes many jobs wait for it or go on,
holds it meanwhile. What a circuit does is decided in `lifecycle.circuit`.
"""

from collections.abc import Set
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.storable import storable_text
from rhizome_pipelines.lifecycle.circuit import PROBE, Circuit, after_failure


class Circuits:
    """The circuits of all providers. Every method raises TransientError if nobody can be asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failed(
        self, provider: str, job_id: UUID, message: str, retry_after: float | None = None
    ) -> bool:
        """An attempt of the job failed there, transiently. Whether the circuit is open now.

        When it opens, jobs that are to be retried after a failure there, and those that wait
        already, wait together until then.
        """
        with self._database.transaction() as connection:
            row = _locked(connection, provider)
            now, probe = row["now"], row["probing_job"] == job_id
            before = Circuit(
                row["failures"],
                row["openings"],
                row["opened_until"],
                row["updated_at"] if row["failures"] else None,
            )
            after = after_failure(before, now, retry_after, probe=probe)
            connection.execute(
                """
                update provider_circuits
                set failures = %(failures)s, openings = %(openings)s,
                    opened_until = %(until)s, updated_at = coalesce(%(since)s, updated_at),
                    last_error = %(error)s,
                    probing_job = case when %(opened)s then null else probing_job end
                where provider = %(provider)s
                """,
                {
                    "failures": after.failures,
                    "openings": after.openings,
                    "until": after.opened_until,
                    "since": after.since,
                    "error": storable_text(message),
                    "opened": after.openings != before.openings,
                    "provider": provider,
                },
            )
            if after.opened_until != before.opened_until:
                _wait_together(connection, provider)
            return after.is_open(now)

    def may_try(self, provider: str, job_id: UUID) -> bool:
        """Whether a job that waits for the provider may ask it now.

        True for everybody while the circuit is closed, and for one alone, at the end of its time,
        who thereby asks for all: the others wait on.
        """
        with self._database.transaction() as connection:
            won = connection.execute(
                """
                update provider_circuits
                set opened_until = now() + %(probe)s, probing_job = %(job)s
                where provider = %(provider)s and opened_until <= now()
                """,
                {"probe": PROBE, "job": job_id, "provider": provider},
            )
            if won.rowcount == 1:
                _wait_together(connection, provider, asking=job_id)
                return True
            return _wait_on(connection, provider, job_id) == 0

    def answered(self, providers: Set[str]) -> int:
        """The providers have answered: nothing is held against them any more.

        How many jobs had waited and go on at once.
        """
        with self._database.transaction() as connection:
            closed = connection.execute(
                "delete from provider_circuits where provider = any(%s) returning provider",
                (sorted(providers),),
            ).fetchall()
            if not closed:
                return 0
            return connection.execute(
                """
                update background_jobs
                set next_retry_at = null, waits_for = null, error_type = null, error_message = null
                where status = 'pending' and waits_for = any(%s)
                """,
                ([provider for (provider,) in closed],),
            ).rowcount


def _locked(connection: Connection, provider: str) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """
            insert into provider_circuits (provider) values (%s)
            on conflict (provider) do update set provider = excluded.provider
            returning *, clock_timestamp() as now
            """,
            (provider,),
        ).fetchone()
    assert row is not None  # noqa: S101 - inserted or found
    return row


def _wait_together(connection: Connection, provider: str, asking: UUID | None = None) -> None:
    """All jobs that wait for the provider, or are to be retried there, wait until its time is over.

    `asking` is the one that does not.
    """
    connection.execute(
        """
        update background_jobs j
        set status = 'pending', completed_at = null, output_data = '{}',
            next_retry_at = c.opened_until + random() * interval '2 seconds',
            error_message = rhizome_told_to_wait(c.provider, c.opened_until, j.last_error)
        from provider_circuits c
        where c.provider = %(provider)s and c.opened_until is not null
          and j.waits_for = %(provider)s and j.id is distinct from %(asking)s
          and (j.status = 'pending' or (
              j.status = 'failed' and j.next_retry_at is not null
              and coalesce(j.retry_count, 0) < coalesce(j.max_retries, 3)))
        """,
        {"provider": provider, "asking": asking},
    )


def _wait_on(connection: Connection, provider: str, job_id: UUID) -> int:
    """One job waits on; 0 if the circuit is closed, and it need not."""
    return connection.execute(
        """
        with open as (
            select * from provider_circuits
            where provider = %(provider)s and opened_until > now() for share),
        waiting as (
            update background_jobs j
            set next_retry_at = open.opened_until + random() * interval '2 seconds',
                error_message = rhizome_told_to_wait(
                    open.provider, open.opened_until, j.last_error)
            from open
            where j.id = %(job)s and j.status = 'pending')
        select from open
        """,
        {"provider": provider, "job": job_id},
    ).rowcount
