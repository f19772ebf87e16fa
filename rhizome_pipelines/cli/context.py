"""What all commands share: the settings, the user, the open services."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from rhizome_pipelines.deployment.services import Services
    from rhizome_pipelines.settings import Settings

LOCK_SECONDS = 10.0
"""How long a person waits for a row that another program holds."""

_chosen_user: list[UUID] = []


def set_user(user: UUID | None) -> None:
    """Remember `--user`."""
    _chosen_user[:] = [user] if user is not None else []


def settings() -> "Settings":
    """The settings, with `--user` over RHIZOME_USER. Raises SettingsError."""
    # Late, as the services below: the help needs neither.
    from rhizome_pipelines.settings import load_settings  # noqa: PLC0415

    return load_settings(user=_chosen_user[0]) if _chosen_user else load_settings()


def dagster_home() -> Path:
    """Where Dagster's instance of this home is described, if there ever was one."""
    return Path(os.environ.get("DAGSTER_HOME") or settings().home / "dagster")


def debugging() -> bool:
    """Whether a person wants tracebacks."""
    return os.environ.get("RHIZOME_LOG_LEVEL", "").lower() == "debug"


@contextmanager
def services() -> Iterator["Services"]:
    """The open services."""
    from rhizome_pipelines.deployment.services import open_services  # noqa: PLC0415

    with open_services(settings()) as opened:
        opened.database.limit_lock_waits(LOCK_SECONDS)
        yield opened
