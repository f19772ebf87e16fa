"""What the commands that remove something share: the question before, and the lines meanwhile."""

import sys
from collections.abc import Callable

import typer

from rhizome_pipelines.cli.output import EXIT_FAILED, errors, mention
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.wording import some


def confirm(foreseen: Callable[[], str], *, yes: bool) -> None:
    """Ask a person whether to go on, unless `yes` says so; ends the command if not.

    `foreseen` tells what would go. Raises InvalidInputError where there is nobody to ask.
    """
    if yes:
        return
    _somebody_must_be_there("--yes")
    mention(foreseen())
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(EXIT_FAILED)


def confirm_by_word(foreseen: Callable[[], str], word: str, given: str | None) -> None:
    """As `confirm`, but that the person has to type the word, or to have `given` it."""
    if given is None:
        _somebody_must_be_there(f"--confirm {word}")
        mention(foreseen())
        given = typer.prompt(f"Type {word!r} to go on", err=True)
    if given != word:
        raise InvalidInputError(f"{given[:60]!r} is not {word!r}: nothing was removed.")


def _somebody_must_be_there(option: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(
            f"Nobody can be asked here whether to remove this: say {option}, or --dry-run to see "
            "what would go."
        )


class Waiting:
    """Tells in a line that, and for how many jobs, it is waited."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, left: int) -> None:
        """So many jobs are still at work."""
        if left != self._last:
            self._last = left
            errors.print(f"[dim]Waiting until the work has stopped: {some(left, 'job')} …[/dim]")
