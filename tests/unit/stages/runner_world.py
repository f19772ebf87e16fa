"""A small world for the runner: a stage that is pure, and ports that can die at any step."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import sha256
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectInfo, ObjectStore
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.stages.retrying import ShortRetries
from rhizome_pipelines.stages.runner import StageFinished, StageRunner, StageStopped
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, StopReason, Unit
from tests.memory_store import MemoryStore

KEYS = DocumentKeys(
    UUID("00000000-0000-4000-8000-000000000001"), UUID("00000000-0000-4000-8000-000000000002")
)


class Killed(BaseException):
    """The process died here."""


@dataclass
class Fuse:
    """Counts steps; at step `at` the process dies."""

    at: int | None = None
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed


class Stage:
    """Squares numbers. `texts` are its inputs, `factor` its setting."""

    name = "squares"

    def __init__(self, fuse: Fuse, *, units: int = 4, factor: int = 1, version: str = "1") -> None:
        self.fuse = fuse
        self.count = units
        self.factor = factor
        self.version = version
        self.worked: list[str] = []
        self.effects: list[str] = []

    def dependencies(self) -> Mapping[str, str]:
        return {"factor": str(self.factor), "input": sha256(str(self.count).encode())}

    def units(self) -> Sequence[Unit]:
        return [
            Unit(
                key=f"number-{number:03}",
                label=f"number {number}",
                weight=number + 1.0,
                counters={"done": number + 1, "total": self.count},
            )
            for number in range(self.count)
        ]

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        self.fuse.step()
        self.worked.append(unit.key)
        pulse(0.5, "half")
        number = int(unit.key.removeprefix("number-"))
        self.fuse.step()
        return json.dumps(self.factor * number * number).encode()

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        assert list(scratch.iterdir()) == []
        self.fuse.step()
        numbers = [json.loads(payload) for _, payload in parts]
        self.fuse.step()
        one, other = scratch / "content", scratch / "chunks"
        one.write_text("\n".join(map(str, numbers)))
        other.write_text(json.dumps(numbers))
        return StageOutput({"content.md": one, "chunks.json": other}, {"sum": sum(numbers)})

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        assert set(facts) == {"sum"}
        return self.effects

    def expected(self) -> dict[str, bytes]:
        """The final files of an undisturbed run."""
        numbers = [self.factor * number * number for number in range(self.count)]
        return {
            KEYS.content: "\n".join(map(str, numbers)).encode(),
            KEYS.chunks: json.dumps(numbers).encode(),
        }


class FusedStore:
    """An object store on which the process may die before or after each operation."""

    def __init__(self, inner: ObjectStore, fuse: Fuse) -> None:
        self.inner = inner
        self.fuse = fuse
        self.writes: list[str] = []
        self.asked_before_each: list[int] = []
        self.control: Control | None = None

    @contextmanager
    def _operation(self, *written: str) -> Iterator[None]:
        self.fuse.step()
        self.writes.extend(written)
        if written and self.control is not None:
            self.asked_before_each.append(self.control.asked)
        yield
        self.fuse.step()

    def read(self, key: str) -> bytes:
        with self._operation():
            return self.inner.read(key)

    def write(self, key: str, data: bytes) -> None:
        with self._operation(key):
            self.inner.write(key, data)

    def write_file(self, key: str, path: Path) -> None:
        with self._operation(key):
            self.inner.write_file(key, path)

    def write_blocks(self, key: str, blocks: Iterable[bytes]) -> None:
        with self._operation(key):
            self.inner.write_blocks(key, blocks)

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        with self._operation(), self.inner.local_copy(key) as path:
            yield path

    def info(self, key: str) -> ObjectInfo | None:
        with self._operation():
            return self.inner.info(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._operation():
            yield from self.inner.list(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            with self._operation(key):
                self.inner.delete([key])


@dataclass
class Control:
    """Says `reason` from the `at`-th question on; remembers what had been written by then."""

    fuse: Fuse
    writes: list[str]
    told: list[tuple[object, ...]]
    at: int | None = None
    reason: StopReason = StopReason.PAUSED
    asked: int = 0
    writes_when_stopped: int | None = None
    told_when_stopped: int | None = None

    def ask(self) -> StopReason | None:
        self.fuse.step()
        self.asked += 1
        if self.at is None or self.asked < self.at:
            return None
        if self.writes_when_stopped is None:
            self.writes_when_stopped = len(self.writes)
            self.told_when_stopped = len(self.told)
        return self.reason


@dataclass
class Progress:
    fuse: Fuse
    told: list[tuple[object, ...]] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    counters: list[Mapping[str, int]] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def stage(self, name: str, fraction: float, details: str, counters: Mapping[str, int]) -> None:
        self.fuse.step()
        self.fractions.append(fraction)
        self.details.append(details)
        self.counters.append(counters)

    def checkpoint(self, stage: str, path: str, hash: str) -> None:
        self.fuse.step()
        self.told.append(("checkpoint", stage, path, hash))

    def stage_finished(self, name: str) -> None:
        self.fuse.step()
        self.told.append(("finished", name))


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Attempt:
    """One process: everything in it is new but the objects and the clock."""

    def __init__(
        self,
        objects: MemoryStore,
        scratch_root: Path,
        *,
        kill_at: int | None = None,
        stop_at: int | None = None,
        clock: Clock | None = None,
        retries: ShortRetries | None = None,
        answered: Callable[[Set[str]], None] = lambda _hosts: None,
        **stage: object,
    ) -> None:
        self.fuse = Fuse(kill_at)
        self.stage = Stage(self.fuse, **stage)  # type: ignore[arg-type]  # passed through
        self.store = FusedStore(objects, self.fuse)
        self.progress = Progress(self.fuse)
        self.control = Control(self.fuse, self.store.writes, self.progress.told, stop_at)
        self.store.control = self.control
        self.runner = StageRunner(
            CheckpointStore(self.store, KEYS),
            self.control,
            self.progress,
            clock or Clock(),
            scratch_root,
            retries or ShortRetries(sleep=lambda _seconds: None),
            answered,
        )

    def run(self, *, reuse: bool = True) -> StageFinished | StageStopped:
        return self.runner.run(self.stage, reuse=reuse)

    def finish(self, *, reuse: bool = True) -> StageFinished:
        result = self.run(reuse=reuse)
        assert isinstance(result, StageFinished)
        return result

    def die(self) -> None:
        """Run until killed, or to the end if the fuse is longer."""
        try:
            self.run()
        except Killed:
            return
