"""Kills, stops, damage and changed settings in any order: the end is always the same."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rhizome_pipelines.checkpoints.keys import parse_checkpoint_name
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.stages.runner import fingerprint_of
from tests.memory_store import MemoryStore
from tests.unit.stages.runner_world import KEYS, Attempt, Clock


class DisturbedStage(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.objects = MemoryStore()
        self.clock = Clock()
        self.folder = tempfile.TemporaryDirectory()
        self.change: dict[str, object] = {}
        self.worked = 0
        self.disturbed = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    def attempt(self, **disturbance: int) -> Attempt:
        return Attempt(
            self.objects,
            Path(self.folder.name),
            clock=self.clock,
            **disturbance,
            **self.change,  # type: ignore[arg-type]  # the stage's
        )

    @rule(kill_at=st.integers(1, 110))
    def kill(self, kill_at: int) -> None:
        attempt = self.attempt(kill_at=kill_at)
        attempt.die()
        self.worked += len(attempt.stage.worked)
        self.disturbed += 1

    @rule(stop_at=st.integers(1, 20))
    def stop(self, stop_at: int) -> None:
        attempt = self.attempt(stop_at=stop_at)
        attempt.run()
        written = len(attempt.store.writes)
        # a pause keeps the unit that was just done, so that nothing is done again
        assert attempt.control.writes_when_stopped in {None, written, written - 1}
        self.worked += len(attempt.stage.worked)

    @precondition(lambda self: self.objects.objects)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.objects.objects)))
        stored = self.objects.objects[key]
        how = data.draw(st.sampled_from(["delete", "cut", "flip"]))
        at = data.draw(st.integers(0, max(len(stored) - 1, 0)))
        if how == "delete":
            del self.objects.objects[key]
        elif how == "cut":
            self.objects.objects[key] = stored[:at]
        elif stored:
            flipped = bytes([stored[at] ^ data.draw(st.integers(1, 255))])
            self.objects.objects[key] = stored[:at] + flipped + stored[at + 1 :]
        # A part lost is a unit done again; a result lost is the whole stage again.
        self.disturbed += 1 if self._is_part(key) else 5

    @rule(units=st.integers(0, 5), factor=st.integers(1, 3), version=st.sampled_from(["1", "2"]))
    def change_what_it_depends_on(self, units: int, factor: int, version: str) -> None:
        change = {"units": units, "factor": factor, "version": version}
        if change != self.change:
            self.change = change
            self.worked = self.disturbed = 0

    @rule()
    def finish(self) -> None:
        attempt = self.attempt()
        result = attempt.finish()
        self.worked += len(attempt.stage.worked)

        assert self.worked <= attempt.stage.count + self.disturbed
        found = {
            key: data
            for key, data in self.objects.objects.items()
            if not parse_checkpoint_name(key)
        }
        assert found == attempt.stage.expected()
        assert KEYS.stage("squares") in self.objects.objects
        assert not CheckpointStore(self.objects, KEYS).parts("squares")
        again = self.attempt().finish()
        assert again.reused
        assert again.checkpoint == result.checkpoint

    @invariant()
    def what_is_taken_for_finished_is_right(self) -> None:
        attempt = self.attempt()
        store = CheckpointStore(self.objects, KEYS)
        stage = attempt.stage
        if isinstance(store.read_stage("squares", fingerprint_of(stage)), StageCheckpoint):
            for key, data in stage.expected().items():
                assert self.objects.objects[key] == data

    def _is_part(self, key: str) -> bool:
        name = parse_checkpoint_name(key)
        return name is not None and name.unit is not None


TestDisturbedStage = DisturbedStage.TestCase
TestDisturbedStage.settings = settings(max_examples=120, stateful_step_count=15, deadline=None)
