"""A stage whose end takes long: it is told of, and may be stopped."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from rhizome_pipelines.stages.runner import StageFinished, StageStopped
from rhizome_pipelines.stages.stage import Pulse, StageOutput, StopReason, Unit
from tests.memory_store import MemoryStore
from tests.unit.stages.runner_world import KEYS, Attempt, Fuse, Stage

STEPS = 4


class LongStage(Stage):
    """Its end weighs as much as its units, and takes `STEPS` steps."""

    pulse: Pulse
    ending_weight = 10.0

    def tell(self, pulse: Pulse) -> None:
        self.pulse = pulse

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        output = super().finish(parts, scratch)
        for step in range(1, STEPS + 1):
            self.pulse(step / STEPS, f"step {step}")
        return output


def attempt(objects: MemoryStore, tmp_path: Path, *, stop_at: int | None = None) -> Attempt:
    made = Attempt(objects, tmp_path, stop_at=stop_at)
    made.stage = LongStage(Fuse())
    return made


def test_the_end_has_its_share_of_the_progress(tmp_path: Path) -> None:
    one = attempt(MemoryStore(), tmp_path)
    assert isinstance(one.run(), StageFinished)
    fractions = dict(zip(one.progress.details, one.progress.fractions, strict=True))
    assert fractions["number 3"] == pytest.approx(0.5)
    told = [fractions[f"step {step}"] for step in range(1, STEPS + 1)]
    assert told == pytest.approx([0.625, 0.75, 0.875, 1.0])
    assert one.progress.fractions == sorted(one.progress.fractions)


def test_a_pause_in_the_midst_of_the_end_keeps_all_units(tmp_path: Path) -> None:
    whole, objects = attempt(MemoryStore(), tmp_path), MemoryStore()
    assert isinstance(whole.run(), StageFinished)
    stopped = 0
    for stop_at in range(1, whole.control.asked + 1):
        objects = MemoryStore()
        first = attempt(objects, tmp_path, stop_at=stop_at)
        result = first.run()
        in_the_end = any("step" in details for details in first.progress.details)
        if not isinstance(result, StageStopped) or not in_the_end:
            continue
        stopped += 1
        assert result.reason is StopReason.PAUSED
        second = attempt(objects, tmp_path)
        finished = second.run()
        assert isinstance(finished, StageFinished)
        assert second.stage.worked == []
        assert objects.objects[KEYS.content] == second.stage.expected()[KEYS.content]
    assert stopped >= STEPS - 1
