"""A crowded database, and what Postgres does there for a question of ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from rhizome_pipelines.database.connection import Connection, Database

FINISHED = 20_000
PENDING = 2_000
USERS = 300
HANDFUL = 400
"""Rows that may be read or sorted at one place of a plan. The tests ask for ten jobs."""

TABLES = ("background_jobs", "job_attempts")

_FILL = """
alter table background_jobs set (autovacuum_enabled = false);
alter table job_attempts set (autovacuum_enabled = false);

-- finished jobs, half of them of one user, with an attempt each
insert into background_jobs (user_id, job_type, status, entity_type, entity_id, current_attempt,
                             completed_at, retry_count, next_retry_at)
select case when n % 2 = 0 then '00000000-0000-4000-8000-00000000000a'::uuid
            else md5((n % 50)::text)::uuid end,
       'process_document', (array['completed', 'completed', 'cancelled', 'failed'])[1 + n % 4],
       'document', gen_random_uuid(), 1, now(),
       -- the failed ones were tried as often as may be, and would be due
       3, case when n % 4 = 3 then now() - interval '1 day' end
from generate_series(1, {finished}) as n;
insert into job_attempts (job_id, number, user_id, job_type, entity_id, trigger, run_id, ended_at,
                          outcome)
select id, 1, user_id, job_type, entity_id, 'start', gen_random_uuid()::text, now(), status
from background_jobs;

-- paused as they should be, and a few that are due, stopping, running, deleted
update background_jobs set status = 'paused', completed_at = null
where id in (select id from background_jobs where status = 'failed' limit 1000);
update background_jobs set status_before = 'processing' where status = 'paused';
update background_jobs set status_before = 'completed'
where id in (select id from background_jobs where status = 'paused' limit 2);
update background_jobs
set last_checkpoint_path = 'a', last_checkpoint_stage = 'b', checkpoint_hash = 'c'
where id in (select id from background_jobs where status = 'cancelled' limit 3)
   or id in (select id from background_jobs where status = 'paused' limit 1000);
update background_jobs set retry_count = 0
where id in (select id from background_jobs where status = 'failed' limit 5);
update job_attempts set ended_at = null, outcome = null
where job_id in (select id from background_jobs where status = 'cancelled' limit 3);
update background_jobs set status = 'processing'
where id in (select id from background_jobs where status = 'completed' limit 3);
delete from background_jobs
where id in (select id from background_jobs where status = 'completed' limit 5);

-- one user's long queue, and many others'
insert into background_jobs (user_id, job_type, entity_type, entity_id)
select '00000000-0000-4000-8000-00000000000a', 'process_document', 'document', gen_random_uuid()
from generate_series(1, {pending});
insert into background_jobs (user_id, job_type, entity_type, entity_id)
select md5(n::text)::uuid, 'process_document', 'document', gen_random_uuid()
from generate_series(1, {users}) as n, generate_series(1, 10);
"""


@dataclass(frozen=True)
class Named:
    """A job of the crowd."""

    id: UUID
    entity_id: UUID
    user_id: UUID


@dataclass(frozen=True)
class Crowd:
    """The database, and two of its jobs; the waiting one's document has a row."""

    url: str
    finished: Named
    waiting: Named


def crowd(url: str) -> Crowd:
    """Fill an empty database; its tables are never analyzed of themselves."""
    with Database(url) as database:
        with database.connection() as connection:
            connection.execute(
                _FILL.format(finished=FINISHED, pending=PENDING, users=USERS).encode()
            )
        finished, waiting = (
            Named(**row)
            for status in ("completed", "pending")
            for row in database.all(
                "select id, entity_id, user_id from background_jobs where status = %s limit 1",
                (status,),
            )
        )
        database.execute(
            "insert into documents (id, user_id) values (%s, %s)",
            (waiting.entity_id, waiting.user_id),
        )
    return Crowd(url, finished, waiting)


Statement = tuple[Any, Any]


class WatchedDatabase(Database):
    """Notes every statement that is asked of it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.seen: list[Statement] = []

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        seen = self.seen

        class Noting(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> "Noting":
                seen.append((query, params))
                super().execute(query, params, **options)
                return self

        with super().connection() as connection:
            connection.cursor_factory = Noting
            try:
                yield connection
            finally:
                connection.cursor_factory = psycopg.Cursor


def statements(crowd: Crowd, ask: Callable[[Database, Crowd], object]) -> Sequence[Statement]:
    """What the database is asked, by the code as it is."""
    with WatchedDatabase(crowd.url) as database:
        ask(database, crowd)
        return [one for one in database.seen if one[0].strip().upper() not in {"BEGIN", "COMMIT"}]


def faults(
    crowd: Crowd, asked: Sequence[Statement], *, analyzed: bool = False, without: str = ""
) -> list[str]:
    """Where the plans of these statements read or sort what nobody asked for.

    `without`: a change made first, such as the dropping of an index. Nothing is kept.
    """
    found = []
    with Database(crowd.url) as database, database.transaction() as connection:
        if without:
            connection.execute(without.encode())
        if analyzed:
            connection.execute("analyze background_jobs, job_attempts")
        for query, parameters in asked:
            if "set_config" in query:
                connection.execute(query, parameters)
                continue
            explained = connection.execute("explain (analyze, format json) " + query, parameters)
            ((plans,),) = explained.fetchall()
            found += [fault for node in _nodes(plans[0]["Plan"]) if (fault := _fault(node))]
        raise psycopg.Rollback
    return found


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _fault(node: Mapping[str, Any]) -> str | None:
    kind = str(node["Node Type"])
    if kind.endswith("Sort"):
        rows = _rows(node["Plans"][0])
        return f"{kind} of {rows} rows" if rows > HANDFUL else None
    table = node.get("Relation Name")
    if table not in TABLES:
        return None
    rows = _rows(node)
    if kind == "Seq Scan" or rows > HANDFUL:
        return f"{kind} of {rows} rows of {table} by {node.get('Index Name', 'no index')}"
    return None


def _rows(node: Mapping[str, Any]) -> int:
    """Rows that were read for what the node gives, in all its loops."""
    left_out = sum(
        node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter")
    )
    return int((node["Actual Rows"] + left_out) * node["Actual Loops"])
