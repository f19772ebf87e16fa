"""`rhizome storage`: cleanup."""

from dataclasses import asdict
from typing import Annotated

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import console, show_json, show_table, told

app = typer.Typer(no_args_is_help=True, help="The stored files.")


@app.callback()
def _family() -> None:
    """Keeps `cleanup` a command of the family while it is the only one."""


@app.command()
def cleanup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Remove what nobody needs: orphaned checkpoints and uploads, files of deleted documents.

    Kept: whatever an unfinished job goes on from, what is younger than RHIZOME_ORPHAN_HOURS
    (checkpoints of failed jobs: RHIZOME_FAILED_CHECKPOINT_DAYS; archives of exports:
    RHIZOME_EXPORT_DAYS). A deployment that is up does the same every hour.
    """
    with told(), context.services() as services:
        # Late: the checkpoints' modules are not needed by the help.
        from rhizome_pipelines.deployment.cleanup import set_right, sweep  # noqa: PLC0415

        swept = sweep(services, dry_run=dry_run)
        settled = set_right(services, dry_run=dry_run)
    if as_json:
        show_json(
            {
                "dry_run": dry_run,
                "files": swept.files,
                "bytes": swept.bytes,
                "swept": [asdict(one) for one in swept.swept],
                "documents": asdict(settled),
            }
        )
        return
    if swept.swept:
        rows = [[one.prefix, one.files, one.bytes, one.why] for one in swept.swept]
        show_table(None, ["prefix", "files", "bytes", "why"], rows)
    console.print(swept.summary(), soft_wrap=True)
    console.print(settled.summary(), soft_wrap=True)
