"""Dagster's web server beside a plain deployment, and what a person can ask of it by GraphQL."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.trivial_deployment import START_SECONDS, TrivialDeployment
from benchmarks.workshop import ROOT, CannotMeasureError, free_port, restore_interrupt

_TERMINATE = """mutation ($run: String!) { answer: terminateRun(runId: $run) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
_RE_EXECUTE = """mutation ($run: String!) {
  answer: launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: FROM_FAILURE}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


@dataclass(frozen=True)
class StockServer:
    """The web server of a deployment, answering."""

    port: int

    def terminate(self, run_id: str) -> None:
        """Ask for the run to be ended."""
        self._ask(_TERMINATE, run_id, "TerminateRunSuccess")

    def re_execute(self, run_id: str) -> str:
        """Ask for the run to be executed again from failure; the new run."""
        return str(self._ask(_RE_EXECUTE, run_id, "LaunchRunSuccess")["run"]["runId"])

    def _ask(self, question: str, run_id: str, wanted: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": question, "variables": {"run": run_id}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)["data"]["answer"]
        if found["__typename"] != wanted:
            raise CannotMeasureError(f"Dagster's web server answered: {found}")
        return found


@contextmanager
def stock_server(made: TrivialDeployment) -> Iterator[StockServer]:
    """A web server of the deployment, once it answers; ended afterwards."""
    port = free_port()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(made.dagster_home),
        "BENCHMARK_ROWS_URL": made.rows.url,
    }
    workspace = str(made.dagster_home / "workspace.yaml")
    with (made.path / "webserver.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster_webserver", "-w", workspace, "-p", str(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=restore_interrupt,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotMeasureError("Dagster's web server did not start.")
            time.sleep(0.2)
        yield StockServer(port)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
