"""The command `rhizome`: its families of commands, and what they have in common."""

import sys
from typing import Annotated
from uuid import UUID

import typer

from rhizome_pipelines.cli import context, database, deployment, documents, jobs, process
from rhizome_pipelines.cli.output import EXIT_FAILED, complain

app = typer.Typer(
    name="rhizome",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Documents in; markdown, chunks, embeddings and connections out.",
)


@app.callback()
def _common(
    user: Annotated[
        UUID | None,
        typer.Option(help="Whose documents and jobs. Default: RHIZOME_USER.", show_default=False),
    ] = None,
) -> None:
    context.set_user(user)


app.command("process")(process.process)
app.command("up")(deployment.up)
app.command("down")(deployment.down)
app.command("doctor")(deployment.doctor)
app.add_typer(jobs.app, name="jobs")
app.add_typer(documents.app, name="documents")
app.add_typer(database.app, name="db")


def main() -> None:
    """Entry point. A fault of ours is told in one line too, and where to find the rest."""
    try:
        app()
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its right.
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except Exception as fault:
        complain(
            f"an unexpected fault ({type(fault).__name__}: {fault}). This is a defect in Rhizome; "
            "run again with RHIZOME_LOG_LEVEL=debug for the details."
        )
        if context.debugging():
            raise
        sys.exit(EXIT_FAILED)
