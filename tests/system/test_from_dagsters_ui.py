"""A run launched, terminated and re-executed with Dagster's web server moves its row along."""

import json
import signal
import urllib.request
from pathlib import Path
from typing import Any
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from tests.system.home import Home, answers, wait_until
from tests.system.long_pdf import long_pdf, parts

LAUNCH = """mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = """mutation Terminate($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
    __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
RE_EXECUTE = """mutation ReExecute($run: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: FROM_FAILURE}) {
    __typename ... on LaunchRunSuccess { run { runId parentRunId } }
    ... on PythonError { message } } }"""


def dagster(port: int, query: str, **variables: Any) -> dict[str, Any]:
    """What the web server answers to one mutation: the value of its only field."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = json.load(answer)
    assert "errors" not in told, told
    (value,) = told["data"].values()
    assert isinstance(value, dict)
    return value


def launch(port: int, document_id: UUID) -> str:
    """Launch `process_document` for the document, as the page of the job does; the run's id."""
    params = {
        "selector": {
            "repositoryLocationName": "rhizome",
            "repositoryName": "__repository__",
            "jobName": "process_document",
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(document_id)}]},
    }
    told = dagster(port, LAUNCH, params=params)
    assert told["__typename"] == "LaunchRunSuccess", told
    return str(told["run"]["runId"])


def test_what_is_done_there_is_done_to_the_job(home: Home, port: int, tmp_path: Path) -> None:
    added = home.rhizome("documents", "add", long_pdf(tmp_path / "book.pdf"))
    assert added.returncode == 0, added.stderr
    document_id = UUID(added.stdout.strip())

    with home.start("up", "--port", str(port)) as started, home.database() as database:
        wait_until(lambda: answers(port), "the web server answers")
        (folder,) = (home.path / "objects").glob(f"*/{document_id}")

        first = launch(port, document_id)
        wait_until(lambda: len(parts(folder)) >= 2, "two windows of pages are kept")
        job = _job(database)
        assert (job["entity_id"], job["status"]) == (document_id, "processing")

        told = dagster(port, TERMINATE, run=first)
        assert told["__typename"] == "TerminateRunSuccess", told
        wait_until(lambda: _job(database)["status"] == "paused", "the job is paused")
        assert _job(database)["pause_reason"] == "terminated in Dagster"
        kept = parts(folder)
        assert kept

        told = dagster(port, RE_EXECUTE, run=first)
        assert told["__typename"] == "LaunchRunSuccess", told
        assert told["run"]["parentRunId"] == first
        wait_until(lambda: _job(database)["status"] == "completed", "the job is completed")

        attempts = database.all("select run_id, trigger, outcome from job_attempts order by number")
        assert [tuple(attempt.values()) for attempt in attempts] == [
            (first, "ui", "paused"),
            (told["run"]["runId"], "ui", "completed"),
        ]
        assert _job(database)["id"] == job["id"]

        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=60)
    assert home.rhizome("down").returncode == 0
    home.wait_until_empty()


def _job(database: Database) -> dict[str, Any]:
    (row,) = database.all("select * from background_jobs")
    return row
