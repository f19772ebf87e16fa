"""`rhizome` in this process, as typer's own runner calls it."""

import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from rhizome_pipelines.cli.app import app


class CommandLine:
    def __call__(self, *arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def lines(self, *arguments: object) -> list[str]:
        """What a command that succeeds prints, in a pipe."""
        done = self(*arguments)
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    def json(self, *arguments: object) -> Any:
        return json.loads("\n".join(self.lines(*arguments, "--json")))

    def complaint(self, code: int, *arguments: object) -> str:
        """The one line on stderr with which a command ends."""
        done = self(*arguments)
        assert done.exit_code == code, done.output
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("rhizome: ")
        return line
