"""The protocol of a stage: named work, cut into absolute units, ended by final files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

Facts = Mapping[str, Any]
"""Small JSON values that a stage tells about its result (counts, title, best examples)."""

Pulse = Callable[[float, str], None]
"""`pulse(fraction, details)`: progress inside one unit; fraction is 0–1 of that unit."""


def silent(fraction: float, details: str) -> None:
    """A pulse that nobody hears."""


@dataclass(frozen=True)
class Unit:
    """The smallest piece of a stage that is done once and kept.

    `key` is absolute (`pages-000001-000016`), made of `[a-z0-9-]`, the same in every
    attempt; `label` is for a person (`pages 1–16`); `weight` is its share of the stage's
    work relative to the other units; `counters` are the stage's own counters once this
    unit is done (`{"pages_done": 16, "pages_total": 193}`).
    """

    key: str
    label: str
    weight: float = 1.0
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StageOutput:
    """What a finished stage hands over.

    `files`: name of a final file under the document's prefix (`content.md`) → a local path
    that holds its bytes; the runner stores and hashes them. `facts`: small JSON values.
    """

    files: Mapping[str, Path]
    facts: Facts


class Stage(Protocol):
    """A named part of a job. Implementations are built anew for each attempt.

    The same dependencies must give the same bytes: no clock, no random number, no run id.
    """

    @property
    def name(self) -> str:
        """The stage's name, as in `stage-{name}.json`."""

    @property
    def version(self) -> str:
        """Version of the stage's code; changed whenever its output would change."""

    def dependencies(self) -> Mapping[str, str]:
        """All that the result depends on besides the code: name → hash or setting, as text."""

    def units(self) -> Sequence[Unit]:
        """The whole work, in order. Cheap against the work; deterministic."""

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """Do one unit and return what is to be kept of it."""

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Put the parts together (they are read one by one, in the order of the units).

        `scratch` is an empty folder of this stage's own, removed afterwards. Effects outside
        the files (database rows) are made here, in one transaction, and may be made again.
        """

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """Why a finished stage's effects outside its files are no longer there; [] if they are."""


def distinct_units(stage: Stage) -> tuple[Unit, ...]:
    """The stage's units. Raises ValueError if two of them have one key."""
    units = tuple(stage.units())
    if len({unit.key for unit in units}) != len(units):
        raise ValueError(f"stage {stage.name!r} has two units with one key")
    return units


@runtime_checkable
class Recalls(Protocol):
    """A stage whose later units depend on what an earlier one found."""

    def recall(self, unit: Unit, part: bytes) -> None:
        """Told of each part kept from an earlier attempt, before any later unit is worked on."""


@runtime_checkable
class LongEnding(Protocol):
    """A stage whose `finish` takes longer than a moment, and tells how far it is."""

    @property
    def ending_weight(self) -> float:
        """The share of `finish` in the stage's work, on the scale of the units' weights."""

    def tell(self, pulse: Pulse) -> None:
        """Told before `finish` what to tell by.

        The pulse raises where the attempt must stop: `finish` lets it through, and leaves nothing
        half done.
        """


class StopReason(StrEnum):
    """Why an attempt must not go on."""

    PAUSED = "paused"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    SHUTDOWN = "shutdown"


class Control(Protocol):
    """Asked before each unit and before each file that is written."""

    def ask(self) -> StopReason | None:
        """Why this attempt must stop, or None to go on."""


class Progress(Protocol):
    """Told how far a stage is. Implementations throttle; every call is cheap."""

    def stage(self, name: str, fraction: float, details: str, counters: Mapping[str, int]) -> None:
        """`fraction` is 0–1 of the stage `name`; `details` is a line for a person."""

    def checkpoint(self, stage: str, path: str, hash: str) -> None:
        """The newest part or stage file that a resume would use is `path`; written at once."""

    def stage_finished(self, name: str) -> None:
        """The stage's checkpoint is stored and valid; written at once."""
