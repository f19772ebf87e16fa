"""`rhizome` in this process, as typer's own runner calls it."""

import json
import os
import pty
import subprocess
import sys
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from rhizome_pipelines.cli.app import app

MAIN = "from rhizome_pipelines.cli import main; main()"


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

    def in_terminal(self, *arguments: object, columns: int = 80) -> str:
        """All that a command, as a process of its own, writes to a terminal of that width."""
        ours, its = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-c", MAIN, *map(str, arguments)],
            env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
        ) as process:
            os.close(its)
            written = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        assert process.returncode == 0, written
        return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""  # nobody writes to it any more
