"""docs/cli.md: every command of `rhizome`, from the help that the commands themselves carry."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import UUID

import typer

from generators.markdown import NOTICE, joined, table
from rhizome_pipelines.cli.app import app

ABOUT = """
Exit codes: 0 if all went well, 1 if something failed, 2 if what was asked for cannot be done (a
wrong argument, a file that is not supported), 130 after Ctrl-C. In a terminal, tables and colours;
in a pipe, tab-separated lines; with `--json`, JSON. Messages about faults go to standard error.

Jobs and documents are named by their ids, or by at least the first six characters if these are no
other's; tables in a terminal show short ids. Control characters in titles and names are shown, not
sent to the terminal; JSON has them escaped. Ctrl-C ends the watching: jobs that a deployment is at
work on go on, others wait for the next one, and the last line says which.
"""

LEFT_OUT = {"help", "install_completion", "show_completion"}
"""Options that every command has, or that are about the shell."""


def document() -> str:
    root = typer.main.get_command(app)
    return joined(NOTICE, "# The command `rhizome`", ABOUT, *_sections(root, "rhizome", 1))


def _sections(command: Any, path: str, level: int) -> Iterator[str]:
    parameters = [one for one in command.params if one.name not in LEFT_OUT]
    if level > 1:
        yield f"{'#' * level} `{path}`"
    yield _sentences(command.help or "")
    yield f"```text\n{_usage(command, path, parameters)}\n```"
    if parameters:
        kinds = get_type_hints(command.callback)
        rows = [[_name(one, kinds[one.name]), _meaning(one)] for one in parameters]
        yield table(["", "meaning"], rows)
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _sections(child, f"{path} {name}", level + 1)


def _usage(command: Any, path: str, parameters: list[Any]) -> str:
    options = " [OPTIONS]" if any(one.param_type_name == "option" for one in parameters) else ""
    arguments = [_placeholder(one) for one in parameters if one.param_type_name == "argument"]
    commands = ["COMMAND …"] if getattr(command, "commands", None) else []
    return " ".join([f"{path}{options}", *arguments, *commands])


def _placeholder(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    many = f"{name}…" if argument.nargs == -1 else name
    return many if argument.required else f"[{many}]"


def _name(parameter: Any, kind: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    names = ", ".join(f"`{one}`" for one in [*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} `{_values(parameter, kind)}`"


def _values(parameter: Any, kind: Any) -> str:
    """What the option takes, told from the annotation of the command's own function."""
    while inner := [one for one in get_args(kind) if one is not type(None)]:
        kind = inner[0]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    if kind is int and (parameter.min, parameter.max) != (None, None):
        low, high = ("" if one is None else f"{one}" for one in (parameter.min, parameter.max))
        return f"{low}–{high}"
    return _KINDS[kind]


def _meaning(parameter: Any) -> str:
    told = _sentences(parameter.help or "")
    default = parameter.default
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    return f"{told} Default: `{default}`." if plain and "Default:" not in told else told


def _sentences(text: str) -> str:
    return "\n\n".join(" ".join(block.split()) for block in text.split("\n\n"))


_KINDS = {str: "TEXT", UUID: "ID", Path: "PATH", int: "NUMBER", float: "NUMBER"}
