"""Where the warm launcher of a home has its files."""

from pathlib import Path

from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.shutdown import Shutdown


def warm_place(home: Path) -> Place:
    """The launcher's files of that home."""
    return Place(home / "dagster" / "warm")


def end_warm_processes(home: Path, seconds: float) -> bool:
    """End the home's warm processes and workers; True if there were any."""
    shutdown = Shutdown(warm_place(home))
    shutdown.ask()
    return shutdown.wait(seconds)
