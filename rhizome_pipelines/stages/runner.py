"""The stage runner: walks any stage through its units and leaves a verified checkpoint.

It alone writes checkpoints. Whatever ends it, at whatever moment, the next run goes on from
what is stored and does at most one unit again.
"""

import tempfile
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.objects import ObjectInfo
from rhizome_pipelines.checkpoints.results import PartFound, StageCheckpoint
from rhizome_pipelines.checkpoints.stage_file import StoredOutput
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.lifecycle.jobs import CheckpointPointer
from rhizome_pipelines.lifecycle.providers import hearing_answers
from rhizome_pipelines.stages.meter import StageMeter
from rhizome_pipelines.stages.reasons import ReasonLog
from rhizome_pipelines.stages.retrying import ShortRetries
from rhizome_pipelines.stages.stage import (
    Control,
    LongEnding,
    Progress,
    Recalls,
    Stage,
    StageOutput,
    StopReason,
    Unit,
    distinct_units,
)


@dataclass(frozen=True)
class StageFinished:
    """The stage's checkpoint is stored and valid. `seconds` is this run's share of the time."""

    checkpoint: StageCheckpoint
    reused: bool
    seconds: float
    units_total: int
    units_reused: int
    units_done: int
    reasons_not_reused: tuple[str, ...]


@dataclass(frozen=True)
class StageStopped:
    """The stage was left at a safe point.

    After the wish to stop was seen nothing was written, save the unit that a pause found just
    done: `kept` names its part.
    """

    reason: StopReason
    stage: str
    units_done: int
    kept: CheckpointPointer | None = None


def fingerprint_of(stage: Stage) -> Fingerprint:
    """What the stage's result depends on now, as its checkpoints record it."""
    return Fingerprint(stage.name, stage.version, dict(stage.dependencies()))


Done = TypeVar("Done")


class _StopRequested(Exception):  # noqa: N818 - a wish, not an error; never leaves this module
    def __init__(self, reason: StopReason, kept: CheckpointPointer | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kept = kept


@dataclass(frozen=True)
class StageRunner:
    """Runs stages of one document, one after the other.

    `clock` gives aware datetimes. `scratch_root` is where a stage's temporary folder is made (by
    default the system's). `retries`: how short faults of a unit are tried again. `answered` is told
    the hosts of the outside services that a unit was done with.
    """

    store: CheckpointStore
    control: Control
    progress: Progress
    clock: Callable[[], datetime]
    scratch_root: Path | None = None
    retries: ShortRetries = field(default_factory=ShortRetries)
    answered: Callable[[Set[str]], object] = lambda _hosts: None

    def run(self, stage: Stage, *, reuse: bool = True) -> StageFinished | StageStopped:
        """Bring `stage` to its end, or to the point where control asks to stop.

        `reuse=False` first discards what is stored of the stage. Errors of the stage and of the
        storage propagate; what was kept until then stays.
        """
        walk = _Walk(self, stage)
        try:
            return walk.run(reuse=reuse)
        except _StopRequested as stop:
            return StageStopped(stop.reason, stage.name, walk.units_done, stop.kept)


class _Walk:
    """One run of one stage."""

    def __init__(self, runner: StageRunner, stage: Stage) -> None:
        self._runner = runner
        self._store = runner.store
        self._stage = stage
        self._began = runner.clock()
        self._reasons = ReasonLog()
        self._unannounced: CheckpointPointer | None = None
        self.units_done = 0
        self._units_reused = 0

    def run(self, *, reuse: bool) -> StageFinished:
        self._ask()
        if not reuse:
            self._store.discard_stage(self._stage.name)
        self._fingerprint = fingerprint_of(self._stage)
        checkpoint = self._valid_checkpoint()
        if checkpoint is not None:
            return self._reused(checkpoint)
        return self._made()

    # A finished stage

    def _valid_checkpoint(self) -> StageCheckpoint | None:
        found = self._store.read_stage(self._stage.name, self._fingerprint)
        if not isinstance(found, StageCheckpoint):
            if not found.missing:
                self._reasons.stage(found.reasons)
            return None
        missing = self._stage.missing_effects(found.facts)
        self._reasons.stage(missing)
        return None if missing else found

    def _reused(self, checkpoint: StageCheckpoint) -> StageFinished:
        progress = self._runner.progress
        _announce(progress, checkpoint.pointer)
        progress.stage(self._stage.name, 1.0, "already done: its checkpoint is reused", {})
        progress.stage_finished(self._stage.name)
        self._discard_parts()
        total = checkpoint.file.units_total
        return self._finished(checkpoint, reused=True, units_total=total, units_reused=total)

    # A stage that is yet to be finished

    def _made(self) -> StageFinished:
        stage = self._stage
        units = distinct_units(stage)
        ending = stage.ending_weight if isinstance(stage, LongEnding) else 0.0
        self._meter = StageMeter(self._runner.progress, stage.name, units, ending)
        self._keep_units(units)
        self._ask()
        with self._scratch() as folder:
            self._meter.say("putting the parts together")
            if isinstance(stage, LongEnding):
                stage.tell(self._end)
            output = stage.finish(self._payloads(units), Path(folder))
            checkpoint = self._store_result(output, units_total=len(units))
        progress = self._runner.progress
        _announce(progress, checkpoint.pointer)
        self._meter.finished()
        progress.stage_finished(self._stage.name)
        self._discard_parts()
        return self._finished(
            checkpoint, reused=False, units_total=len(units), units_reused=self._units_reused
        )

    def _keep_units(self, units: tuple[Unit, ...]) -> None:
        stored = self._store.parts(self._stage.name)
        for unit in units:
            self._ask()
            found = self._valid_part(unit, stored.get(unit.key))
            if found is None:
                self._do(unit)
            else:
                if isinstance(self._stage, Recalls):
                    self._stage.recall(unit, found.payload)
                self._units_reused += 1
                self._unannounced = found.pointer
                self._meter.unit_kept(unit, reused=True)
        self._announce_reused()

    def _valid_part(self, unit: Unit, info: ObjectInfo | None) -> PartFound | None:
        if info is None:
            return None
        found = self._store.read_part(self._stage.name, unit.key, self._fingerprint, info)
        if isinstance(found, PartFound):
            return found
        if not found.missing:
            self._reasons.part(unit.key, found.reasons)
        return None

    def _do(self, unit: Unit) -> bytes:
        self._announce_reused()
        pulse = self._meter.pulse_for(unit)
        with hearing_answers() as hosts:
            payload = self._patiently(unit, lambda: self._stage.work(unit, pulse))
        reason = self._runner.control.ask()
        if reason not in (None, StopReason.PAUSED):
            raise _StopRequested(reason)
        written = self._runner.clock()
        pointer = self._patiently(
            unit, lambda: self._store.write_part(unit.key, payload, self._fingerprint, written)
        )
        self.units_done += 1
        if hosts:
            self._runner.answered(hosts)
        if reason is StopReason.PAUSED:
            # The job is still this attempt's: what was paid for is kept.
            raise _StopRequested(reason, pointer)
        _announce(self._runner.progress, pointer)
        self._meter.unit_kept(unit, reused=False)
        return payload

    def _patiently(self, unit: Unit, work: Callable[[], Done]) -> Done:
        say = self._meter.say
        return self._runner.retries.run(work, self._ask, lambda told: say(f"{unit.label}: {told}"))

    def _announce_reused(self) -> None:
        """Tell the newest reused part once, not each: telling is a write."""
        if self._unannounced is not None:
            pointer, self._unannounced = self._unannounced, None
            _announce(self._runner.progress, pointer)

    def _end(self, fraction: float, details: str) -> None:
        self._ask()
        self._meter.ending(fraction, details)

    def _payloads(self, units: tuple[Unit, ...]) -> Iterator[tuple[Unit, bytes]]:
        """The units' payloads, one in memory at a time; one that has vanished is made again."""
        stored = self._store.parts(self._stage.name)
        for unit in units:
            self._ask()
            found = self._valid_part(unit, stored.get(unit.key))
            yield unit, self._do(unit) if found is None else found.payload

    def _store_result(self, output: StageOutput, *, units_total: int) -> StageCheckpoint:
        for name in output.files:
            self._store.keys.file(name)  # a bad name is refused before anything is overwritten
        stored: dict[str, StoredOutput] = {}
        for name, path in sorted(output.files.items()):
            self._ask()
            self._meter.say(f"storing {name}")
            stored[name] = self._store.store_output(name, path)
        self._ask()
        return self._store.write_stage(
            self._fingerprint,
            stored,
            output.facts,
            units_total=units_total,
            timestamp=self._runner.clock(),
        )

    # Both

    def _ask(self) -> None:
        reason = self._runner.control.ask()
        if reason is not None:
            raise _StopRequested(reason)

    def _discard_parts(self) -> None:
        # The stage is finished whether or not its parts are gone: a wish to stop that comes now is
        # the next stage's, and whoever cleans up takes the parts.
        if self._runner.control.ask() is None:
            self._store.discard_parts(self._stage.name)

    def _scratch(self) -> "tempfile.TemporaryDirectory[str]":
        if (root := self._runner.scratch_root) is not None:
            root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f"rhizome-{self._stage.name}-", dir=root)

    def _finished(
        self,
        checkpoint: StageCheckpoint,
        *,
        reused: bool,
        units_total: int,
        units_reused: int,
    ) -> StageFinished:
        return StageFinished(
            checkpoint=checkpoint,
            reused=reused,
            seconds=(self._runner.clock() - self._began).total_seconds(),
            units_total=units_total,
            units_reused=units_reused,
            units_done=self.units_done,
            reasons_not_reused=self._reasons.all(),
        )


def _announce(progress: Progress, pointer: CheckpointPointer) -> None:
    progress.checkpoint(pointer.stage, pointer.path, pointer.hash)
