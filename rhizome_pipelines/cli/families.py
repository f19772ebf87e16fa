"""Families of commands whose modules are imported only when one of their commands is asked for.

What the work takes (the database's driver, the settings) is a third of a second of imports; the
help of `rhizome` and the commands of other families need none of it.
"""

from collections.abc import MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

Commands = MutableMapping[str, Any]


def family(module: str, about: str) -> typer.Typer:
    """The family that the `app` of that module holds, told of by `about`."""

    class Family(TyperGroup):
        _loaded: Commands | None = None

        @property
        def commands(self) -> Commands:
            """The family's commands by name."""
            if self._loaded is None:
                found = typer.main.get_group(import_module(module).app)
                self._loaded = found.commands
            return self._loaded

        @commands.setter
        def commands(self, _none_yet: Commands) -> None:
            """Typer has none to give."""

    return typer.Typer(cls=Family, no_args_is_help=True, help=about)
