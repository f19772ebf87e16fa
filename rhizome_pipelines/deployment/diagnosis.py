"""Whether everything that is needed is there and works: what `rhizome doctor` tells."""

import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from uuid import uuid4

from rhizome_pipelines.database import migrations
from rhizome_pipelines.database.connection import place
from rhizome_pipelines.database.overview import embedding_width
from rhizome_pipelines.deployment import configuration
from rhizome_pipelines.deployment.downloads import local_files, panel_address
from rhizome_pipelines.deployment.lock import DeploymentLock
from rhizome_pipelines.deployment.presence import seconds_of_silence, somebody_is_there
from rhizome_pipelines.deployment.processes import DagsterProcesses
from rhizome_pipelines.deployment.services import Services, open_services
from rhizome_pipelines.embedding import open_model
from rhizome_pipelines.lifecycle.errors import RhizomeError, TransientError
from rhizome_pipelines.settings import Settings

LEAST_FREE_GIGABYTES = 1.0
STARTING_SECONDS = 60.0
"""How long a deployment may take to its first sign of life before that is thought strange."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    told: str


def diagnose(settings: Settings) -> Sequence[Finding]:
    """Look at all of it; a fault in one thing does not keep from looking at the others."""
    findings = [_python(), _dagster(), _disk(settings)]
    try:
        with open_services(settings) as services:
            findings += [
                _look("database", lambda: _tables(services)),
                _look("storage", lambda: _storage(services)),
                _look("embeddings", lambda: _model(services)),
                _presence(services),
                _downloads(settings),
            ]
    except RhizomeError as error:
        findings.append(Finding("services", good=False, told=error.message))
    return findings


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, good=True, told=look())
    except RhizomeError as error:
        return Finding(what, good=False, told=error.message)


def _python() -> Finding:
    return Finding(
        "python",
        good=sys.version_info >= (3, 11),
        told=f"{platform.python_version()} ({sys.platform})",
    )


def _dagster() -> Finding:
    """Dagster and its companions are released together; another one's version breaks quietly."""
    try:
        core = version("dagster")
        companions = {name: version(name) for name in ("dagster-postgres", "dagster-aws")}
        web = version("dagster-webserver")
    except PackageNotFoundError as missing:
        return Finding("dagster", good=False, told=f"{missing.name} is not installed.")
    told = f"{core}, " + ", ".join(f"{name} {one}" for name, one in companions.items())
    fits = core == web and len(set(companions.values())) == 1
    return Finding("dagster", good=fits, told=told if fits else f"{told}: these do not fit.")


def _disk(settings: Settings) -> Finding:
    place = next(one for one in (settings.home, *settings.home.parents) if one.exists())
    free = shutil.disk_usage(place).free / 1e9
    return Finding("disk", good=free > LEAST_FREE_GIGABYTES, told=f"{free:.1f} GB free at {place}")


def _tables(services: Services) -> str:
    found = migrations.status(services.database.url)
    width = embedding_width(services.database)
    return f"{place(services.database.url)}, tables {found.current}, vectors of width {width}"


def _storage(services: Services) -> str:
    """Write, read and remove a small object."""
    key = f"{services.settings.user}/doctor/{uuid4()}"
    services.objects.write(key, b"rhizome")
    read = services.objects.read(key)
    services.objects.delete([key])
    if read != b"rhizome":
        raise TransientError(f"{services.settings.objects_url} gave back other bytes than written.")
    return services.settings.objects_url


def _model(services: Services) -> str:
    model = open_model(configuration.embedding(services))
    vectors = model.embed(["A short text."])
    return f"{model.name}, {vectors.shape[1]} dimensions"


def _presence(services: Services) -> Finding:
    """Up, not up, or up and of no use: its process lives, and nobody carries out wishes."""
    if somebody_is_there(services.database):
        return Finding("deployment", good=True, told="up")
    lock = DeploymentLock(services.settings.home)
    holder = lock.holder()
    if holder is None:
        told = "not up; `rhizome process` starts one for as long as it needs"
        return Finding("deployment", good=True, told=told)
    up_for, silent_for = lock.held_for(), seconds_of_silence(services.database)
    if silent_for is None or silent_for > up_for:
        # An older sign is of a deployment before this one.
        if up_for < STARTING_SECONDS:
            return Finding("deployment", good=True, told=f"starting (pid {holder})")
        silent_for = up_for
    return Finding(
        "deployment",
        good=False,
        told=f"its process (pid {holder}) is up, but its sensor has given no sign of life for "
        f"{silent_for:.0f} s, and no job begins. See the logs in "
        f"{DagsterProcesses(services.settings).logs_folder}; `rhizome down` ends it, and "
        "`rhizome up` starts it anew.",
    )


def _downloads(settings: Settings) -> Finding:
    if local_files(settings) is None:
        return Finding("downloads", good=True, told="the storage signs the links of exports")
    address = panel_address(settings)
    told = "answers" if address.answers() else "answers while `rhizome up` runs"
    return Finding("downloads", good=True, told=f"{address.url} {told}")
