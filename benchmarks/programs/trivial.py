"""A code location as small as it can be, for what Dagster itself costs.

A plain sensor asks a table each tick and returns run requests. `four_assets` are four assets in a
row that do nothing but note, in the row, when the first began and the last ended. `waits_in_…`
are jobs that stay in one place until they are ended, for at most about two minutes: in Python, in C
with the interpreter given up, and in C with the interpreter held.
"""

import hashlib
import os
import time
from collections import deque
from itertools import repeat

import dagster as dg
import psycopg2

URL = os.environ.get("BENCHMARK_ROWS_URL", "")
ROW_TAG = "benchmark/row"
LONGEST = 120.0
PROBE = 100_000


def _say(row: str, statement: str) -> None:
    connection = psycopg2.connect(URL)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, {"row": int(row), "pid": os.getpid()})
    connection.close()


def _row(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> str:
    return context.run.tags[ROW_TAG]


@dg.asset
def one(context: dg.AssetExecutionContext) -> int:
    _say(_row(context), "update wanted set started_at = now(), pid = %(pid)s where id = %(row)s")
    return 1


@dg.asset
def two(one: int) -> int:
    return one + 1


@dg.asset
def three(two: int) -> int:
    return two + 1


@dg.asset
def four(context: dg.AssetExecutionContext, three: int) -> int:
    _say(_row(context), "update wanted set completed_at = now() where id = %(row)s")
    return three + 1


def _begin(context: dg.OpExecutionContext) -> None:
    _say(_row(context), "update wanted set started_at = now(), pid = %(pid)s where id = %(row)s")


@dg.op
def python(context: dg.OpExecutionContext) -> None:
    _begin(context)
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        time.sleep(0.01)


@dg.op
def c(context: dg.OpExecutionContext) -> None:
    _begin(context)
    began = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"probe", b"salt", PROBE)
    rounds = int(PROBE * LONGEST / (time.perf_counter() - began))
    hashlib.pbkdf2_hmac("sha256", b"benchmark", b"salt", min(rounds, 2**31 - 1))


@dg.op
def c_holding(context: dg.OpExecutionContext) -> None:
    _begin(context)
    began = time.perf_counter()
    deque(repeat(None, PROBE), maxlen=0)
    rounds = int(PROBE * LONGEST / (time.perf_counter() - began))
    deque(repeat(None, rounds), maxlen=0)


@dg.job(executor_def=dg.in_process_executor)
def waits_in_python() -> None:
    python()


@dg.job(executor_def=dg.in_process_executor)
def waits_in_c() -> None:
    c()


@dg.job(executor_def=dg.in_process_executor)
def waits_in_c_holding() -> None:
    c_holding()


four_assets = dg.define_asset_job(
    "four_assets", selection=[one, two, three, four], executor_def=dg.in_process_executor
)
JOBS = [four_assets, waits_in_python, waits_in_c, waits_in_c_holding]


@dg.sensor(jobs=JOBS, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def wanted() -> list[dg.RunRequest] | dg.SkipReason:
    connection = psycopg2.connect(URL)
    with connection, connection.cursor() as cursor:
        cursor.execute("update wanted set seen_at = now() where seen_at is null returning id, job")
        rows = sorted(cursor.fetchall())
    connection.close()
    if not rows:
        return dg.SkipReason("No rows.")
    return [
        dg.RunRequest(run_key=str(row), job_name=job, tags={ROW_TAG: str(row)}) for row, job in rows
    ]


definitions = dg.Definitions(assets=[one, two, three, four], jobs=JOBS, sensors=[wanted])
