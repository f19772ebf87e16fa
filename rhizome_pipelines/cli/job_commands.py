"""`rhizome jobs pause|resume|restart|retry|cancel|delete ID…`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.identifying import JOB, WHOLE_OR_BEGINNING
from rhizome_pipelines.cli.output import EXIT_FAILED, EXIT_USAGE, complain, console, show_json, told
from rhizome_pipelines.lifecycle.wishes import Refused, Wish

if TYPE_CHECKING:
    from rhizome_pipelines.deployment.commands import Answer

Ids = Annotated[list[str], typer.Argument(metavar="ID", help=WHOLE_OR_BEGINNING)]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
WaitSeconds = Annotated[
    float | None,
    typer.Option("--wait", min=0, metavar="SECONDS", help="Wait until the work has stopped."),
]

_SAID = {
    Wish.PAUSE: "paused",
    Wish.RESUME: "to be gone on with",
    Wish.RESTART: "to begin anew",
    Wish.RETRY: "to be tried again",
    Wish.CANCEL: "cancelled",
    Wish.DELETE: "deleted",
    Wish.FORCE_FAIL: "to fail and be tried again",
}

_STOPPING = "; its attempt stops at the next safe point"


def register(app: typer.Typer) -> None:
    """Add the commands to `rhizome jobs`."""
    for command in (pause, resume, restart, retry, cancel, delete):
        app.command()(command)


def pause(
    ids: Ids,
    reason: Annotated[str | None, typer.Option(help="Why; shown with the job.")] = None,
    wait: WaitSeconds = None,
    as_json: AsJson = False,
) -> None:
    """Stop at the next safe point; what is done is kept."""
    _command(Wish.PAUSE, ids, as_json, wait=wait, reason=reason)


def resume(ids: Ids, as_json: AsJson = False) -> None:
    """Go on with paused jobs where they were."""
    _command(Wish.RESUME, ids, as_json)


def restart(ids: Ids, as_json: AsJson = False) -> None:
    """Begin anew; what is kept of the jobs is discarded. One at work is stopped first."""
    _command(Wish.RESTART, ids, as_json)


def retry(ids: Ids, as_json: AsJson = False) -> None:
    """Try failed jobs again, from what is kept of them, and cancelled ones from the beginning."""
    _command(Wish.RETRY, ids, as_json)


def cancel(ids: Ids, wait: WaitSeconds = None, as_json: AsJson = False) -> None:
    """Stop for good; what was kept to go on from is cleaned up."""
    _command(Wish.CANCEL, ids, as_json, wait=wait)


def delete(ids: Ids, wait: WaitSeconds = None, as_json: AsJson = False) -> None:
    """Remove jobs in whatever state; one at work is stopped. Documents stay."""
    _command(Wish.DELETE, ids, as_json, wait=wait)


def _command(
    wish: Wish,
    ids: list[str],
    as_json: bool,
    *,
    wait: float | None = None,
    reason: str | None = None,
) -> None:
    with told(), context.services() as services:
        # Late: what the work takes is no business of the help.
        from rhizome_pipelines.deployment.commands import (  # noqa: PLC0415
            command,
            wait_until_stopped,
        )

        user = services.settings.user
        known, unknown = JOB.resolved(services, ids, user)
        answers = command(services, wish, known, user, reason=reason)
        granted = [answer.job_id for answer in answers if answer.granted]
        left = None if wait is None else wait_until_stopped(services, granted, wait)
    show_answers(wish, answers, unknown, left, as_json)
    if left:
        complain(f"Still at work after {wait:g} s: {', '.join(map(str, left))}.")
        raise typer.Exit(EXIT_FAILED)


def show_answers(
    wish: Wish,
    answers: "Sequence[Answer]",
    unknown: Sequence[str],
    left: Sequence[UUID] | None,
    as_json: bool,
) -> None:
    """Show what became of the wish for each job; an exit code for what was refused.

    `left` are those whose attempts had not ended when the time was up, None if nobody has waited.
    """
    _show(wish, answers, unknown, left, as_json)
    if unknown or not all(answer.granted for answer in answers):
        raise typer.Exit(EXIT_USAGE)


def _show(
    wish: Wish,
    answers: "Sequence[Answer]",
    unknown: Sequence[str],
    left: Sequence[UUID] | None,
    as_json: bool,
) -> None:
    if as_json:
        show_json(
            [_as_json(answer, left) for answer in answers]
            + [{"id": None, "granted": False, "refused": sentence} for sentence in unknown]
        )
        return
    for answer in answers:
        if isinstance(answer.result, Refused):
            complain(answer.result.sentence)
        else:
            note = _STOPPING if wish is not Wish.RESUME and _is_stopping(answer, left) else ""
            console.print(f"{answer.job_id}  {_SAID[wish]}{note}", soft_wrap=True)
    for sentence in unknown:
        complain(sentence)


def _is_stopping(answer: "Answer", left: Sequence[UUID] | None) -> bool:
    """Whether an attempt has yet to end, as far as is known: after waiting, more is."""
    if left is not None:
        return answer.job_id in left
    return not isinstance(answer.result, Refused) and answer.result.stopping


def _as_json(answer: "Answer", left: Sequence[UUID] | None) -> dict[str, Any]:
    result = answer.result
    if isinstance(result, Refused):
        return {"id": answer.job_id, "granted": False, "refused": result.sentence}
    return {
        "id": answer.job_id,
        "granted": True,
        "status": result.job.status,
        "stopping": _is_stopping(answer, left),
        "still_at_work": answer.job_id in (left or ()),
    }
