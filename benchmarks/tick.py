"""What one look of the reconciler costs, with a long past and a long queue, and with next to none.

A hundred thousand completed jobs, each with its attempt; ten thousand pending ones of a hundred
users; and as many at work as there are places, so that a look decides about them and launches
nothing. Against the same with ten in all. What became of runs is answered without asking
Dagster, which only those at work are asked about in any case.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from benchmarks.deployment import Home, new_home
from benchmarks.spread import percentile
from benchmarks.workshop import Workshop, say
from rhizome_pipelines.deployment.reconciliation import Reconciler
from rhizome_pipelines.lifecycle.actions import RunState
from rhizome_pipelines.lifecycle.jobs import Attempt

LOOKS = 50
USERS = 100
SIZES = {"few": {"finished": 5, "pending": 5}, "many": {"finished": 100_000, "pending": 10_000}}

# As a restore does: without the triggers that tell of every single row.
_SILENCE = "set local session_replication_role = replica"
_FINISHED = """
    with made as (
        insert into background_jobs (user_id, job_type, entity_type, entity_id, status,
            current_attempt, progress, output_data, created_at, started_at, completed_at)
        select md5('user' || number %% %(users)s)::uuid, 'process_document', 'document',
               gen_random_uuid(), 'completed', 1,
               '{"stage": "connections", "percent": 100}', '{"chunkCount": 12}',
               now() - number * interval '10 seconds', now() - number * interval '10 seconds',
               now() - number * interval '9 seconds'
        from generate_series(1, %(finished)s) as number
        returning id, user_id, job_type, entity_id, created_at, completed_at)
    insert into job_attempts (job_id, number, run_id, user_id, job_type, entity_id, trigger,
        created_at, started_at, heartbeat_at, ended_at, outcome)
    select id, 1, gen_random_uuid()::text, user_id, job_type, entity_id, 'start',
           created_at, created_at, completed_at, completed_at, 'completed' from made
"""
_PENDING = """
    insert into background_jobs (user_id, job_type, entity_type, entity_id, created_at)
    select md5('user' || number %% %(users)s)::uuid, 'process_document', 'document',
           gen_random_uuid(), now() - number * interval '1 second'
    from generate_series(1, %(pending)s) as number
"""
_AT_WORK = """
    with made as (
        insert into background_jobs (user_id, job_type, entity_type, entity_id, status,
            current_attempt, started_at)
        select md5('user' || number)::uuid, 'process_document', 'document', gen_random_uuid(),
               'processing', 1, now()
        from generate_series(1, %(places)s) as number
        returning id, user_id, job_type, entity_id)
    insert into job_attempts (job_id, number, run_id, user_id, job_type, entity_id, trigger,
        started_at, heartbeat_at)
    select id, 1, gen_random_uuid()::text, user_id, job_type, entity_id, 'start', now(),
           now() + interval '1 hour' from made
"""


class AllAlive:
    """Every run that is asked about is at work."""

    def states(self, attempts: Iterable[Attempt]) -> Mapping[tuple[UUID, int], RunState]:
        return {(one.job_id, one.number): RunState.ALIVE for one in attempts}


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"few": {"rows", "p50", "p95", "all"}, "many": …}`; seconds."""
    found = {}
    for name, size in SIZES.items():
        rows = {key: min(count, 2_000) if workshop.quick else count for key, count in size.items()}
        say(f"tick: {rows['finished']:,} finished, {rows['pending']:,} pending")
        with new_home(workshop) as home:
            _fill(home, rows)
            reconciler = Reconciler(home.services, AllAlive())
            looks = [_look(reconciler) for _ in range(5 if workshop.quick else LOOKS)]
        found[name] = {
            **rows,
            "p50": percentile(looks, 0.5),
            "p95": percentile(looks, 0.95),
            "all": [round(one, 5) for one in looks],
        }
    return found


def _fill(home: Home, rows: Mapping[str, int]) -> None:
    given = {**rows, "users": USERS, "places": home.services.settings.max_in_flight}
    with home.services.database.transaction() as connection:
        connection.execute(_SILENCE)
        for statement in (_FINISHED, _PENDING, _AT_WORK):
            connection.execute(statement, given)
    # What the server does by itself within a minute.
    home.services.database.execute("vacuum analyze background_jobs")
    home.services.database.execute("vacuum analyze job_attempts")


def _look(reconciler: Reconciler) -> float:
    began = time.perf_counter()
    launches = reconciler.look()
    seconds = time.perf_counter() - began
    if launches:
        raise AssertionError("all places are taken, so a look launches nothing")
    return seconds


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    few = found["few"]
    lines = [
        f"{len(found['many']['all'])} looks each.",
        "",
        "| finished | pending | p50 | p95 | p50 to few |",
        "|--:|--:|--:|--:|--:|",
    ]
    for name in SIZES:
        one = found[name]
        lines.append(
            f"| {one['finished']:,} | {one['pending']:,} | {1000 * one['p50']:.1f} ms "
            f"| {1000 * one['p95']:.1f} ms | {one['p50'] / few['p50']:.1f}× |"
        )
    return "\n".join(lines)
