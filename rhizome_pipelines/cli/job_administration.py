"""`rhizome jobs clear|fail-all|stop-all|reset|fix-documents|force-fail`: an operator's commands."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.identifying import JOB
from rhizome_pipelines.cli.job_commands import AsJson, Ids, show_answers
from rhizome_pipelines.cli.output import console, show_json, told
from rhizome_pipelines.cli.removal import Waiting, confirm, confirm_by_word
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.wishes import Wish

if TYPE_CHECKING:
    from rhizome_pipelines.deployment.administration import Handled
    from rhizome_pipelines.deployment.services import Services

RESET = "reset"

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Everybody = Annotated[bool, typer.Option("--everybody", help="Of all users.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `rhizome jobs`."""
    for command in (clear, fail_all, stop_all, reset, fix_documents, force_fail):
        app.command()(command)


def clear(
    completed: Annotated[bool, typer.Option("--completed", help="Those that are done.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those that have failed and are not tried again.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="All, in whatever state.")] = False,
    everybody: Everybody = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take jobs off the list. What is at work is stopped; documents and their results stay."""
    with told(), context.services() as services:
        # Late, as below: what the work takes is no business of the help.
        from rhizome_pipelines.deployment import administration  # noqa: PLC0415

        choices = (
            (administration.clear_completed, completed),
            (administration.clear_failed, failed),
            (administration.clear_all, all_),
        )
        act = _the_one([act for act, wanted in choices if wanted])
        user = _user(services, everybody)
        if not dry_run:
            confirm(lambda: act(services, user, dry_run=True).summary(), yes=yes)
        _show(act(services, user, dry_run=dry_run), as_json)


def fail_all(
    everybody: Everybody = False, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Fail all that is being processed, for good; `rhizome jobs retry` goes on with one."""
    with told(), context.services() as services:
        from rhizome_pipelines.deployment.administration import (  # noqa: PLC0415
            fail_all_processing,
        )

        user = _user(services, everybody)
        _show(fail_all_processing(services, user, dry_run=dry_run), as_json)


def stop_all(
    everybody: Everybody = False, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Pause all that is pending or being processed; what is done of it is kept."""
    with told(), context.services() as services:
        from rhizome_pipelines.deployment import administration  # noqa: PLC0415

        user = _user(services, everybody)
        _show(administration.stop_all(services, user, dry_run=dry_run), as_json)


def reset(
    everybody: Everybody = False,
    dry_run: DryRun = False,
    word: Annotated[
        str | None,
        typer.Option("--confirm", metavar=RESET, help=f"The word {RESET!r}, instead of typing it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove ALL jobs, and every document that is not completed with its files.

    A document that is being processed again counts as not completed, whatever it has from before.
    Completed documents stay. What is at work is stopped first.
    """
    with told(), context.services() as services:
        from rhizome_pipelines.deployment import document_removal  # noqa: PLC0415
        from rhizome_pipelines.run_history import dagster_history  # noqa: PLC0415

        user = _user(services, everybody)
        with dagster_history(context.dagster_home()) as history:

            def act(dry_run: bool) -> document_removal.Removed:
                return document_removal.reset(
                    services, user, history, dry_run=dry_run, told=Waiting()
                )

            if not dry_run:
                confirm_by_word(lambda: act(True).summary(), RESET, word)
            done = act(dry_run)
    if as_json:
        show_json(asdict(done))
    else:
        console.print(done.summary(), soft_wrap=True)


def fix_documents(
    everybody: Everybody = False, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Set documents right that are said to be in processing and that no job is about.

    Completed, if all of their results are there; else failed. Those that changed within the last
    minutes are left alone. A deployment that is up does the same every hour.
    """
    with told(), context.services() as services:
        from rhizome_pipelines.deployment.cleanup import set_right  # noqa: PLC0415

        done = set_right(services, _user(services, everybody), dry_run=dry_run)
    if as_json:
        show_json(asdict(done))
    else:
        console.print(done.summary(), soft_wrap=True)


def force_fail(ids: Ids, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """End the attempts of jobs that hang; the jobs are tried again at once, from what is kept."""
    with told(), context.services() as services:
        from rhizome_pipelines.deployment import administration  # noqa: PLC0415

        user = services.settings.user
        known, unknown = JOB.resolved(services, ids, user)
        answers = administration.force_fail(services, known, user, dry_run=dry_run)
    if dry_run and not as_json:
        for answer in answers:
            if answer.granted:
                told_of = f"{answer.job_id}  would fail and be tried again; nothing was done"
                console.print(told_of, soft_wrap=True)
        answers = [answer for answer in answers if not answer.granted]
    show_answers(Wish.FORCE_FAIL, answers, unknown, None, as_json)


def _the_one(chosen: "list[Callable[..., Handled]]") -> "Callable[..., Handled]":
    if len(chosen) != 1:
        raise InvalidInputError("Say which jobs: one of --completed, --failed and --all.")
    return chosen[0]


def _user(services: "Services", everybody: bool) -> UUID | None:
    return None if everybody else services.settings.user


def _show(done: "Handled", as_json: bool) -> None:
    if as_json:
        show_json(asdict(done))
    else:
        console.print(done.summary(), soft_wrap=True)
