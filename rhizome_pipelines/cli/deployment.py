"""`rhizome up` and `rhizome down`."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import console, told
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.database.connection import place
from rhizome_pipelines.deployment.downloads import local_files, panel_address
from rhizome_pipelines.deployment.lock import DeploymentLock
from rhizome_pipelines.deployment.presence import withdraw_sign
from rhizome_pipelines.deployment.processes import DagsterProcesses
from rhizome_pipelines.deployment.scratch import sweep_scratch
from rhizome_pipelines.deployment.sessions import STOP_SECONDS, SessionRecord
from rhizome_pipelines.deployment.warm import end_warm_processes
from rhizome_pipelines.deployment.web_address import WebAddress
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.settings import Settings

LOOK_SECONDS = 0.5
DOWN_SECONDS = 40.0


def up(host: str, port: int, panel_port: int | None) -> None:
    """Start all, and stay until Ctrl-C or SIGTERM.

    `host` and `port` are Dagster's web server's; `panel_port` goes before the setting.
    """
    with told():
        settings = context.settings()
        if panel_port is not None:
            settings = settings.model_copy(update={"panel_port": panel_port})
        with DeploymentLock(settings.home), asked_to_end(), context.services() as services:
            try:
                sweep_scratch(services)
                web = WebAddress(host, port)
                console.print("Starting …")
                # A bucket signs links itself, and needs no server of ours.
                panel = panel_address(settings) if local_files(settings) else None
                with DagsterProcesses(settings, web, panel).running() as processes:
                    processes.wait_until_ready()
                    console.print(f"[green]●[/green] Dagster   {web.url}")
                    if panel is not None:
                        console.print(f"[green]●[/green] Downloads {panel.url}")
                    console.print(f"[green]●[/green] Database  {place(services.database.url)}")
                    console.print(f"[green]●[/green] Home      {settings.home}", soft_wrap=True)
                    console.print("Ctrl-C stops everything.")
                    while True:
                        for name in _revived(settings, processes):
                            console.print(f"[yellow]●[/yellow] {name} had died; started again.")
                        time.sleep(LOOK_SECONDS)
            except KeyboardInterrupt:
                console.print("\nStopped; jobs under way go on at the next start.")
            finally:
                # A sign that cannot be taken away is old in some seconds.
                with suppress(TransientError):
                    withdraw_sign(services.database)
        if settings.database_url is None:
            EmbeddedPostgres(settings.home).stop_unless_leased()


def down() -> None:
    """Stop the deployment, wherever it was started, and the embedded server."""
    with told():
        settings = context.settings()
        stopped = _stop_deployment(settings)
        stopped = SessionRecord(settings.home).end_orphans() or stopped
        stopped = end_warm_processes(settings.home, STOP_SECONDS) or stopped
        if settings.database_url is None:
            stopped = EmbeddedPostgres(settings.home).stop() or stopped
        console.print("Stopped." if stopped else "Nothing was running.")


def _revived(settings: Settings, processes: DagsterProcesses) -> Iterator[str]:
    """What had died and is started again: the database first, without which the rest cannot be."""
    if settings.database_url is None and EmbeddedPostgres(settings.home).revive():
        yield "database"
    if (name := processes.revive()) is not None:
        yield name


def _stop_deployment(settings: Settings) -> bool:
    """Ask the process that holds the home's lock to end, and wait for it."""
    lock = DeploymentLock(settings.home)
    holder = lock.holder()
    if holder is None:
        return False
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while lock.holder() == holder:
        if time.monotonic() > deadline:
            raise TransientError(
                f"The deployment (pid {holder}) did not end within {DOWN_SECONDS:.0f} s; see the "
                f"logs in {settings.home / 'dagster' / 'process-logs'}."
            )
        time.sleep(0.1)
    return True
