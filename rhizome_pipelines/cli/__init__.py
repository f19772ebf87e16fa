"""The command line: thin commands over the functions that the panel uses too.

One module a family of commands; `output` is how things are shown. Nothing here knows Dagster.
"""

from rhizome_pipelines.cli.app import main

__all__ = ["main"]
