"""What is tried again within a unit, how often, and what stops it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.lifecycle.errors import PermanentError, RhizomeError, TransientError
from rhizome_pipelines.lifecycle.providers import answered
from rhizome_pipelines.stages.retrying import ShortRetries
from rhizome_pipelines.stages.runner import StageStopped
from rhizome_pipelines.stages.stage import Pulse, Unit
from tests.memory_store import MemoryStore
from tests.unit.stages.runner_world import Attempt, Stage


class FailingStage(Stage):
    """Raises `faults` in turn at each try of a unit, then works."""

    faults: list[RhizomeError]

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        if self.faults:
            answered("half.example")
            raise self.faults.pop(0)
        answered("API.example")
        return super().work(unit, pulse)


class World:
    """An attempt whose stage fails as told, and which waits for nothing."""

    def __init__(self, folder: Path, *faults: RhizomeError, stop_at: int | None = None) -> None:
        self.waited: list[float] = []
        self.answered: list[set[str]] = []
        retries = ShortRetries(sleep=self.waited.append, jitter=lambda: 1.0)
        self.attempt = Attempt(
            MemoryStore(),
            folder,
            stop_at=stop_at,
            retries=retries,
            answered=lambda hosts: self.answered.append(set(hosts)),
        )
        self.stage = FailingStage(self.attempt.fuse)
        self.stage.faults = list(faults)
        self.attempt.stage = self.stage


def test_a_short_fault_does_not_end_the_stage(tmp_path: Path) -> None:
    world = World(tmp_path, TransientError("Broke off."), TransientError("Broke off again."))

    assert world.attempt.finish().units_done == 4
    assert sum(world.waited) == pytest.approx(0.5 + 1.0)
    assert "number 0: trying again (2 of 3): Broke off." in world.attempt.progress.details
    assert "number 0: trying again (3 of 3): Broke off again." in world.attempt.progress.details


def test_the_third_fault_in_a_row_is_the_attempt_s(tmp_path: Path) -> None:
    world = World(tmp_path, *(TransientError(f"Fault {n}.") for n in (1, 2, 3)))

    with pytest.raises(TransientError, match=r"Fault 3\."):
        world.attempt.run()


@pytest.mark.parametrize(
    "fault",
    [
        PermanentError("No."),
        TransientError("Later.", retry_after=5.1),
        TransientError("Tried by the client.", again_at_once=False),
    ],
)
def test_what_no_second_try_helps_ends_the_attempt_at_once(
    tmp_path: Path, fault: RhizomeError
) -> None:
    world = World(tmp_path, fault)

    with pytest.raises(type(fault)):
        world.attempt.run()
    assert world.waited == []


def test_a_short_wish_of_the_other_side_is_granted(tmp_path: Path) -> None:
    world = World(tmp_path, TransientError("Busy.", retry_after=4))

    world.attempt.finish()
    assert sum(world.waited) == pytest.approx(4)


def test_a_pause_while_waiting_works_at_once(tmp_path: Path) -> None:
    """Two questions come before the first unit's work, one before its waiting begins."""
    world = World(tmp_path, TransientError("Busy.", retry_after=5), stop_at=5)

    assert isinstance(world.attempt.run(), StageStopped)
    assert sum(world.waited) <= 0.5
    assert world.attempt.store.writes == []


def test_a_part_that_could_not_be_written_is_not_worked_on_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    store, failed = world.attempt.store, []
    write = store.write

    def flaky(key: str, data: bytes) -> None:
        if not failed:
            failed.append(key)
            raise StorageUnavailableError("The folder is away.")
        write(key, data)

    store.write = flaky  # type: ignore[method-assign]  # the store lies outside the runner

    assert world.attempt.finish().units_done == 4
    assert world.stage.worked == [unit.key for unit in world.stage.units()]


def test_services_that_a_unit_was_done_with_are_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.attempt.finish()

    assert world.answered == [{"api.example"}] * 4


def test_services_of_a_unit_that_failed_are_not_told(tmp_path: Path) -> None:
    world = World(tmp_path, PermanentError("No."))

    with pytest.raises(PermanentError):
        world.attempt.run()
    assert world.answered == []


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 6))
def test_the_waits_double_within_their_bounds(drawn: float, tries: int) -> None:
    waited: list[float] = []
    retries = ShortRetries(tries=tries, slice=1e9, sleep=waited.append, jitter=lambda: drawn)

    def fail() -> None:
        raise TransientError("No.")

    with pytest.raises(TransientError):
        retries.run(fail, lambda: None, lambda _: None)

    assert len(waited) == tries - 1
    for number, wait in enumerate(waited):
        assert 0.25 * 2**number <= wait <= 0.5 * 2**number
