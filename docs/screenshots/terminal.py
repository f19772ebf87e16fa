"""A real run of a command in a terminal, as SVG.

    python docs/screenshots/terminal.py docs/images/run.svg make run

Runs the command under a pseudo-terminal of WIDTH columns, follows what it does to the lines
(progress bars rewrite theirs), and draws what stands there at the end. Needs rich.
"""

import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 104
SEQUENCE = re.compile(r"\x1b\[(?P<number>\d*)(?P<letter>[A-HJ-ln-z])|\x1b\[\?\d+[hl]|\r\n|\r|\n")
"""Everything but colours, which stay in the lines."""


def run(command: list[str]) -> str:
    """All that the command writes. Its exit code must be 0."""
    output = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65_536)
        output.extend(data)
        return data

    os.environ.update(COLUMNS=str(WIDTH), LINES="200", TERM="xterm-256color")
    status = pty.spawn(command, read)
    if status != 0:
        sys.exit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return output.decode("utf-8", "replace")


def screen(output: str) -> list[str]:
    """The lines that stand there at the end, with their colours."""
    lines, row, position = [""], 0, 0
    for match in SEQUENCE.finditer(output):
        lines[row] += output[position : match.start()]
        position = match.end()
        if match[0].endswith("\n"):
            row += 1
            if row == len(lines):
                lines.append("")
        elif match[0] == "\r" or match["letter"] == "K":
            if match["letter"] == "K":
                lines[row] = ""
        elif match["letter"] == "A":
            row = max(0, row - int(match["number"] or 1))
    lines[row] += output[position:]
    return lines


def main(target: str, command: list[str]) -> None:
    lines = screen(run(command))
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(f"$ \x1b[1m{' '.join(command)}\x1b[0m"))
        for line in "\n".join(lines).rstrip().split("\n"):
            console.print(Text.from_ansi(line), overflow="fold")
    drawn = console.export_svg(title=" ".join(command))
    # A picture fetches nothing: the reader's own monospaced font will do.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    Path(target).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
