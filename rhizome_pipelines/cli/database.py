"""`rhizome db`: migrate, url, status, purge."""

from dataclasses import asdict
from typing import Annotated

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import console, show_json, show_pairs, told
from rhizome_pipelines.database import migrations
from rhizome_pipelines.database.connection import place
from rhizome_pipelines.deployment.services import database_url
from rhizome_pipelines.server.postgres import EmbeddedPostgres

app = typer.Typer(no_args_is_help=True, help="The database.")


@app.command()
def migrate() -> None:
    """Bring the tables up to date; what an application has made already is adopted."""
    with told():
        settings = context.settings()
        if settings.database_url is None:
            with EmbeddedPostgres(settings.home).lease():
                done = migrations.migrate(database_url(settings))
        else:
            done = migrations.migrate(database_url(settings))
    console.print(
        f"Applied {', '.join(done)}." if done else "The tables are up to date.", soft_wrap=True
    )


@app.command()
def url() -> None:
    """Print a URL that psql accepts. It contains the password, if there is one."""
    with told():
        typer.echo(database_url(context.settings()))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show which tables there are, and whether the embedded server runs."""
    with told(), context.services() as services:
        found = migrations.status(services.database.url)
        shown: dict[str, object] = {
            "migration": found.current,
            "newest": found.head,
            "pending": ", ".join(found.pending) or "none",
        }
        if services.settings.database_url is None:
            server = EmbeddedPostgres(services.settings.home).status()
            shown |= {"embedded server": f"pid {server.pid}", "version": server.version}
            shown["data"] = str(server.data)
        else:
            shown["server"] = place(services.database.url)
    if as_json:
        show_json(shown)
    else:
        show_pairs(shown)


@app.command()
def purge(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Instead of RHIZOME_HISTORY_DAYS.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Remove old history: finished runs and attempts, partitions of deleted documents.

    The newest results of every document stay, and all that belongs to unfinished jobs. A
    deployment that is up does the same every day.
    """
    with told(), context.services() as services:
        # Late: Dagster takes seconds to import.
        from rhizome_pipelines.deployment.history import purge as purge_history  # noqa: PLC0415
        from rhizome_pipelines.run_history import dagster_history  # noqa: PLC0415

        kept_days = days or services.settings.history_days
        with dagster_history(context.dagster_home()) as history:
            done = purge_history(services, history, days=kept_days, dry_run=dry_run)
    if as_json:
        show_json({**asdict(done), "days": kept_days, "dry_run": dry_run})
    else:
        console.print(done.summary(dry_run), soft_wrap=True)
