"""Dagster as it comes, or with a run launcher of ours, around four assets that do nothing.

Stock is what a person has who sets nothing but the storage: the launcher that starts a process for
each run, the queue that is looked at by the daemon, a sensor that is asked again and again. It
uses an embedded Postgres, as ours does, and the executor that is the faster one by far (in the
run's own process).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.workshop import ROOT, CannotMeasureError, Workshop, restore_interrupt
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.server.postgres import EmbeddedPostgres

STOCK: Mapping[str, Any] = {}
GRACE_SECONDS = 10.0
"""The launcher's own default."""

_WARM = ("rhizome_pipelines.warm_launcher.launcher", "WarmRunLauncher")


def warm(grace_seconds: float = GRACE_SECONDS) -> Mapping[str, Any]:
    """What is added to dagster.yaml for the warm launcher, and nothing else."""
    module, name = _WARM
    return {
        "run_launcher": {
            "module": module,
            "class": name,
            "config": {"grace_seconds": grace_seconds},
        }
    }


CODE = "benchmarks.programs.trivial"
START_SECONDS = 180.0
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.05

_TABLE = """
create table wanted (
    id serial primary key, job text not null, created_at timestamptz not null default now(),
    seen_at timestamptz, started_at timestamptz, completed_at timestamptz, pid integer)
"""
_WAITED = """
select extract(epoch from seen_at - created_at)::float8 as seen,
       extract(epoch from started_at - created_at)::float8 as started,
       extract(epoch from completed_at - created_at)::float8 as completed,
       extract(epoch from started_at)::float8 as began,
       extract(epoch from completed_at)::float8 as ended,
       pid
from wanted where id = %s
"""


@dataclass(frozen=True)
class TrivialDeployment:
    """A deployment that is up. Its rows are runs that somebody wants."""

    path: Path
    rows: Database
    dagster: Database

    @property
    def dagster_home(self) -> Path:
        return self.path / "dagster"

    def want(self, job: str = "four_assets", count: int = 1) -> list[int]:
        """Insert that many rows in one statement; their ids."""
        found = self.rows.all(
            "insert into wanted (job) select %s from generate_series(1, %s) returning id",
            (job, count),
        )
        return [row["id"] for row in found]

    def wait(self, row: int, moment: str, limit: float) -> dict[str, Any]:
        """Seconds from a row's INSERT to its moments, once it has reached `moment`."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            found = self.rows.first(_WAITED, (row,))
            if found is not None and found[moment] is not None:
                return found
            time.sleep(LOOK_SECONDS)
        raise CannotMeasureError(
            f"A trivial run was not {moment} within {limit:.0f} s: {self.last_words()}"
        )

    def run_of(self, row: int) -> str:
        """The run that was made for a row."""
        found = self.dagster.first(
            "select run_id from run_tags where key = 'benchmark/row' and value = %s", (str(row),)
        )
        if found is None:
            raise CannotMeasureError("Dagster has no run for a row that is being measured.")
        return str(found["run_id"])

    def last_words(self) -> str:
        log = self.path / "daemon.log"
        text = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
        return " ⏎ ".join(line[:200] for line in text[-4:]) or "(nothing)"


@contextmanager
def trivial_deployment(
    workshop: Workshop, name: str, settings: Mapping[str, Any] = STOCK
) -> Iterator[TrivialDeployment]:
    """A deployment in a home of its own, once its sensor has ticked; removed afterwards."""
    with workshop.folder(name) as path:
        server = EmbeddedPostgres(path)
        lease = server.lease()
        try:
            for database in ("wanted", "dagster"):
                server.ensure_database(database)
            with (
                Database(server.url("wanted")) as rows,
                Database(server.url("dagster")) as dagster,
            ):
                rows.execute(_TABLE)
                made = TrivialDeployment(path, rows, dagster)
                with _running(made, settings, server):
                    yield made
        finally:
            lease.release()
            server.stop()


@contextmanager
def _running(
    made: TrivialDeployment, settings: Mapping[str, Any], server: EmbeddedPostgres
) -> Iterator[None]:
    made.dagster_home.mkdir()
    instance = {
        "storage": {"postgres": {"postgres_url": server.url("dagster", driver="psycopg2")}},
        "telemetry": {"enabled": False},
        **settings,
    }
    code = {"module_name": CODE, "working_directory": str(ROOT), "location_name": "trivial"}
    workspace = made.dagster_home / "workspace.yaml"
    # JSON is YAML.
    (made.dagster_home / "dagster.yaml").write_text(json.dumps(instance))
    workspace.write_text(json.dumps({"load_from": [{"python_module": code}]}))
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(made.dagster_home),
        "RHIZOME_HOME": str(made.path),
        "BENCHMARK_ROWS_URL": server.url("wanted"),
        "PYTHONUNBUFFERED": "1",
    }
    with (made.path / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=restore_interrupt,
        )
    try:
        _wait_for_tick(made, daemon)
        yield
    finally:
        _end(daemon, made.dagster_home)


def _wait_for_tick(made: TrivialDeployment, daemon: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _ticked(made.dagster):
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise CannotMeasureError(f"A plain Dagster did not start: {made.last_words()}")
        time.sleep(0.2)


def _ticked(dagster: Database) -> bool:
    there = dagster.first("select to_regclass('job_ticks') as name")
    if there is None or there["name"] is None:
        return False
    return dagster.first("select from job_ticks where status = 'SKIPPED' limit 1") is not None


def _end(daemon: "subprocess.Popen[bytes]", dagster_home: Path) -> None:
    """End everything that was started in this home, politely first."""
    members = processes_of(dagster_home)
    with suppress(ProcessLookupError):
        os.killpg(daemon.pid, signal.SIGTERM)
    psutil.wait_procs(members, timeout=STOP_SECONDS)
    left = processes_of(dagster_home)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_SECONDS)
    daemon.wait()


def processes_of(dagster_home: Path) -> list[psutil.Process]:
    """Processes whose DAGSTER_HOME is this one, which no other deployment has: all are ours."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_of_it = process.environ().get("DAGSTER_HOME") == str(dagster_home)
            if is_of_it and process.pid != os.getpid():
                found.append(process)
    return found
