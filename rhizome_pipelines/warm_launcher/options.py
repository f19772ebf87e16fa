"""What can be configured of the launcher."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagster import Field, Noneable
from dagster._config import UserConfigSchema


@dataclass(frozen=True)
class Options:
    """The launcher's configuration; CONFIG says what each field means."""

    state_dir: str | None = None
    grace_seconds: float = 10.0
    linger_seconds: float = 60.0
    modules: Sequence[str] = ()
    prepare: Sequence[str] = ()
    watched_files: Sequence[str] = ()
    growth_megabytes: int = 200
    most_processes: int = 4


CONFIG: UserConfigSchema = {
    "state_dir": Field(
        Noneable(str),
        is_required=False,
        description="Folder of the launcher's files, closed to others. Default: `warm_launcher` in "
        "DAGSTER_HOME, from which a relative path starts too.",
    ),
    "grace_seconds": Field(
        float,
        is_required=False,
        default_value=10.0,
        description="Time from the interrupt of a terminated run to the killing of its processes.",
    ),
    "linger_seconds": Field(
        float,
        is_required=False,
        default_value=60.0,
        description="How long a warm process stays when nobody that may ask it is left.",
    ),
    "modules": Field(
        [str],
        is_required=False,
        default_value=[],
        description="Further modules to load: those that your code imports only when it works.",
    ),
    "prepare": Field(
        [str],
        is_required=False,
        default_value=[],
        description="Functions to call in the warm process after loading, as `module:function`: to "
        "read models or tables once. They must leave no thread and no connection behind.",
    ),
    "watched_files": Field(
        [str],
        is_required=False,
        default_value=[],
        description="Further files, or patterns such as `defs/**/*.yaml`, whose change makes a "
        "warm process out of date.",
    ),
    "growth_megabytes": Field(
        int,
        is_required=False,
        default_value=200,
        description="A warm process that has grown by more is renewed.",
    ),
    "most_processes": Field(
        int,
        is_required=False,
        default_value=4,
        description="Warm processes at once, for different code, settings or environments; beyond "
        "that runs start cold.",
    ),
}
