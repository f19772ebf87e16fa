"""`rhizome up`, `rhizome down`, `rhizome doctor`."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import EXIT_FAILED, console, show_json, told
from rhizome_pipelines.database.connection import place
from rhizome_pipelines.deployment.diagnosis import Finding, diagnose
from rhizome_pipelines.deployment.presence import withdraw_sign
from rhizome_pipelines.deployment.processes import DagsterProcesses, WebAddress
from rhizome_pipelines.deployment.sessions import SessionRecord
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.settings import Settings

LOOK_SECONDS = 0.5
DOWN_SECONDS = 40.0


class _Asked(Exception):  # noqa: N818 - a wish, not an error
    """Somebody asked this process to end."""


def up(
    host: Annotated[str, typer.Option(help="Address of Dagster's web server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 3000,
) -> None:
    """Start the database, Dagster's web server and daemon, and stay until Ctrl-C."""
    with told():
        settings = context.settings()
        with _only_one(settings), _asked_to_end(), context.services() as services:
            try:
                web = WebAddress(host, port)
                console.print("Starting …")
                with DagsterProcesses(settings, web).running() as processes:
                    processes.wait_until_ready()
                    console.print(f"[green]●[/green] Dagster   {web.url}")
                    console.print(f"[green]●[/green] Database  {place(services.database.url)}")
                    console.print(f"[green]●[/green] Home      {settings.home}", soft_wrap=True)
                    console.print("Ctrl-C stops everything.")
                    while True:
                        processes.raise_if_dead()
                        time.sleep(LOOK_SECONDS)
            except (_Asked, KeyboardInterrupt):
                console.print("\nStopped; jobs under way go on at the next start.")
            finally:
                withdraw_sign(services.database)
        if settings.database_url is None:
            EmbeddedPostgres(settings.home).stop_unless_leased()


def down() -> None:
    """Stop the deployment of this home, wherever it was started, and the embedded server."""
    with told():
        settings = context.settings()
        stopped = _stop_deployment(settings)
        stopped = SessionRecord(settings.home).end_orphans() or stopped
        if settings.database_url is None:
            stopped = EmbeddedPostgres(settings.home).stop() or stopped
        console.print("Stopped." if stopped else "Nothing was running.")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Look whether everything that Rhizome needs is there and works."""
    with told():
        findings = diagnose(context.settings())
    if as_json:
        show_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
    if not all(finding.good for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def _show(finding: Finding) -> None:
    mark = "[green]✓[/green]" if finding.good else "[red]✗[/red]"
    console.print(f"{mark} {finding.what:<16} ", end="")
    console.print(finding.told, markup=False, soft_wrap=True)


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold the home's deployment lock; its file names the process that holds it."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lock_file(settings).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InvalidInputError(
                f"A deployment of {settings.home} is up already (pid {file.read().strip()}); "
                "end it with `rhizome down`."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _stop_deployment(settings: Settings) -> bool:
    """Ask the process that holds the lock to end, and wait for it."""
    path = _lock_file(settings)
    if not path.exists():
        return False
    with path.open("a+") as file:
        if _free(file.fileno()):
            return False
        file.seek(0)
        os.kill(int(file.read().strip()), signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while not _free(file.fileno()):
            if time.monotonic() > deadline:
                raise InvalidInputError(
                    f"The deployment did not end within {DOWN_SECONDS:.0f} s; see the logs in "
                    f"{settings.home / 'dagster' / 'process-logs'}."
                )
            time.sleep(0.1)
    return True


def _free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _lock_file(settings: Settings) -> Path:
    return settings.home / "deployment.lock"


@contextmanager
def _asked_to_end() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does; SIGINT too where a script had it ignored."""

    def ask(_signal: int, _frame: object) -> None:
        raise _Asked

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
