"""The runner's walk, undisturbed and disturbed at every single step."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from rhizome_pipelines.checkpoints.hashing import sha256, short_hash
from rhizome_pipelines.checkpoints.keys import InvalidKeyError, parse_checkpoint_name
from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.lifecycle.errors import PermanentError
from rhizome_pipelines.lifecycle.jobs import CheckpointPointer
from rhizome_pipelines.stages.runner import StageStopped
from rhizome_pipelines.stages.stage import StageOutput, StopReason, Unit
from tests.memory_store import MemoryStore
from tests.unit.stages.runner_world import KEYS, Attempt, Clock, Killed

UNITS = 4
STAGE_FILE = KEYS.stage("squares")


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


def finals(objects: MemoryStore) -> dict[str, bytes]:
    return {key: data for key, data in objects.objects.items() if not parse_checkpoint_name(key)}


def undisturbed_steps(tmp_path: Path) -> int:
    attempt = Attempt(MemoryStore(), tmp_path)
    attempt.run()
    return attempt.fuse.steps


def test_a_stage_is_walked_to_its_end(objects: MemoryStore, tmp_path: Path) -> None:
    attempt = Attempt(objects, tmp_path)
    result = attempt.finish()

    assert finals(objects) == attempt.stage.expected()
    assert set(objects.objects) == {KEYS.content, KEYS.chunks, STAGE_FILE}
    assert attempt.stage.worked == [unit.key for unit in attempt.stage.units()]
    assert result.checkpoint.facts == {"sum": 14}
    assert (result.reused, result.units_total) == (False, UNITS)
    assert (result.units_reused, result.units_done) == (0, UNITS)
    assert result.reasons_not_reused == ()
    assert result.seconds > 0
    assert list(tmp_path.iterdir()) == []


def test_progress_never_falls_and_ends_at_one(objects: MemoryStore, tmp_path: Path) -> None:
    attempt = Attempt(objects, tmp_path)
    attempt.run()
    fractions = attempt.progress.fractions
    assert fractions == sorted(fractions)
    assert fractions[:3] == [0.05, 0.1, pytest.approx(0.2)]  # weights 1, 2, 3, 4; half a unit first
    assert fractions[-1] == 1.0
    assert attempt.progress.counters[-1] == {"done": 4, "total": 4}
    assert attempt.progress.told[-1] == ("finished", "squares")


def test_every_pointer_is_of_the_stored_bytes(objects: MemoryStore, tmp_path: Path) -> None:
    for kill_at in range(1, undisturbed_steps(tmp_path)):
        objects.objects.clear()
        attempt = Attempt(objects, tmp_path, kill_at=kill_at)
        attempt.die()
        pointers = [told for told in attempt.progress.told if told[0] == "checkpoint"]
        if pointers and pointers[-1][2] in objects.objects:
            _, stage, path, digest = pointers[-1]
            assert stage == "squares"
            assert digest == short_hash(sha256(objects.objects[str(path)]))


def test_a_finished_stage_is_reused(objects: MemoryStore, tmp_path: Path) -> None:
    made = Attempt(objects, tmp_path).finish()
    before = dict(objects.objects)
    attempt = Attempt(objects, tmp_path)
    result = attempt.finish()

    assert result.checkpoint == made.checkpoint
    assert (result.reused, result.units_reused, result.units_done) == (True, UNITS, 0)
    assert result.reasons_not_reused == ()
    assert attempt.stage.worked == []
    assert attempt.store.writes == []
    assert objects.objects == before
    assert attempt.progress.fractions == [1.0]
    assert attempt.progress.told == [
        ("checkpoint", "squares", STAGE_FILE, made.checkpoint.pointer.hash),
        ("finished", "squares"),
    ]


def test_reuse_may_be_forbidden(objects: MemoryStore, tmp_path: Path) -> None:
    Attempt(objects, tmp_path).finish()
    attempt = Attempt(objects, tmp_path)
    result = attempt.finish(reuse=False)
    assert (result.reused, result.units_done) == (False, UNITS)
    assert finals(objects) == attempt.stage.expected()


def test_missing_effects_are_a_reason_to_do_the_stage_again(
    objects: MemoryStore, tmp_path: Path
) -> None:
    Attempt(objects, tmp_path).finish()
    attempt = Attempt(objects, tmp_path)
    attempt.stage.effects = ["3 of 14 rows are gone"]
    result = attempt.finish()
    assert not result.reused
    assert result.reasons_not_reused == ("3 of 14 rows are gone",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"factor": 2}, "setting factor was 1, now 2"),
        ({"units": 5}, "input input has another hash"),
        ({"version": "2"}, "made by code version 1, now 2"),
    ],
)
def test_what_depends_on_something_else_is_not_reused(
    objects: MemoryStore, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    Attempt(objects, tmp_path).finish()
    attempt = Attempt(objects, tmp_path, **change)  # type: ignore[arg-type]  # the stage's
    result = attempt.finish()
    assert not result.reused
    assert result.reasons_not_reused == (reason,)
    assert finals(objects) == attempt.stage.expected()


def test_parts_of_other_settings_are_told_once_and_go_at_the_end(
    objects: MemoryStore, tmp_path: Path
) -> None:
    Attempt(objects, tmp_path, stop_at=2 * UNITS).run()
    assert sum(parse_checkpoint_name(key) is not None for key in objects.objects) == 3
    attempt = Attempt(objects, tmp_path, factor=3, units=2)
    result = attempt.finish()
    assert result.reasons_not_reused == (
        "2 parts: setting factor was 1, now 3",
        "2 parts: input input has another hash",
    )
    assert finals(objects) == attempt.stage.expected()
    assert set(objects.objects) == {KEYS.content, KEYS.chunks, STAGE_FILE}


def test_a_stage_without_units_finishes(objects: MemoryStore, tmp_path: Path) -> None:
    attempt = Attempt(objects, tmp_path, units=0)
    assert attempt.finish().units_total == 0
    assert finals(objects) == attempt.stage.expected()
    assert attempt.progress.fractions[-1] == 1.0


# Killed at every step


def test_a_kill_at_any_step_costs_one_unit_at_most(tmp_path: Path) -> None:
    undisturbed = MemoryStore()
    expected = Attempt(undisturbed, tmp_path).finish().checkpoint.content_digest
    for kill_at in range(1, undisturbed_steps(tmp_path) + 1):
        objects, clock = MemoryStore(), Clock()
        first = Attempt(objects, tmp_path, kill_at=kill_at, clock=clock)
        with pytest.raises(Killed):
            first.run()
        second = Attempt(objects, tmp_path, clock=clock)
        result = second.finish()

        assert len(first.stage.worked) + len(second.stage.worked) <= UNITS + 1
        assert result.checkpoint.content_digest == expected
        assert finals(objects) == second.stage.expected()
        assert set(objects.objects) == set(undisturbed.objects)
        assert result.units_done + result.units_reused == UNITS
        assert list(tmp_path.iterdir()) == []


# Stopped at every question


def kept_by_a_pause(attempt: Attempt, objects: MemoryStore) -> list[CheckpointPointer]:
    """What was written after the wish to stop was seen: the unit that was just done, if any."""
    seen = attempt.control.writes_when_stopped
    assert seen is not None
    return [
        CheckpointPointer("squares", key, short_hash(sha256(objects.objects[key])))
        for key in attempt.store.writes[seen:]
    ]


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_wish_to_stop_is_obeyed_at_once(tmp_path: Path, reason: StopReason) -> None:
    whole = Attempt(MemoryStore(), tmp_path)
    whole.run()
    for stop_at in range(1, whole.control.asked + 1):
        objects = MemoryStore()
        attempt = Attempt(objects, tmp_path, stop_at=stop_at)
        attempt.control.reason = reason
        result = attempt.run()

        last = kept_by_a_pause(attempt, objects)
        assert len(last) <= (1 if reason is StopReason.PAUSED else 0)
        assert attempt.control.told_when_stopped == len(attempt.progress.told)
        assert list(tmp_path.iterdir()) == []
        if stop_at < whole.control.asked:
            kept = sum(parse_checkpoint_name(key) is not None for key in objects.objects)
            assert result == StageStopped(reason, "squares", kept, *last)
        else:
            assert not isinstance(result, StageStopped)  # only the parts were still to be removed

        resumed = Attempt(objects, tmp_path)
        resumed.run()
        again = 0 if reason is StopReason.PAUSED else 1
        assert len(attempt.stage.worked) + len(resumed.stage.worked) <= UNITS + again
        assert set(objects.objects) == {KEYS.content, KEYS.chunks, STAGE_FILE}
        assert finals(objects) == resumed.stage.expected()


def test_control_is_asked_anew_before_each_write(objects: MemoryStore, tmp_path: Path) -> None:
    attempt = Attempt(objects, tmp_path)
    attempt.run()
    asked = attempt.store.asked_before_each
    kept = UNITS + len(attempt.stage.expected()) + 1
    assert len(set(asked[:kept])) == kept
    assert asked[kept] > asked[kept - 1]  # once for the removal of the parts
    assert len(set(asked[kept:])) == 1


def test_a_wish_to_stop_is_heard_while_the_parts_are_put_together(
    objects: MemoryStore, tmp_path: Path
) -> None:
    attempt = Attempt(objects, tmp_path)
    given: list[str] = []

    def finish(parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        for unit, _ in parts:
            given.append(unit.key)
            attempt.control.at = 1
        return StageOutput({}, {})

    attempt.stage.finish = finish  # type: ignore[method-assign]  # the wish's moment
    assert attempt.run() == StageStopped(StopReason.PAUSED, "squares", UNITS)
    assert given == ["number-000"]


def test_a_stop_while_a_finished_stage_is_looked_at(objects: MemoryStore, tmp_path: Path) -> None:
    Attempt(objects, tmp_path).finish()
    attempt = Attempt(objects, tmp_path, stop_at=1)
    assert attempt.run() == StageStopped(StopReason.PAUSED, "squares", 0)
    assert attempt.store.writes == attempt.progress.told == []


# Damage


def test_a_part_that_vanishes_before_the_end_is_made_again(
    objects: MemoryStore, tmp_path: Path
) -> None:
    attempt = Attempt(objects, tmp_path)
    lost, damaged = (KEYS.part("squares", f"number-00{number}") for number in (1, 2))
    finish = attempt.stage.finish

    def finish_after_damage(parts: object, scratch: Path) -> StageOutput:
        objects.delete([lost])
        objects.write(damaged, objects.read(damaged)[:-1])
        return finish(parts, scratch)  # type: ignore[arg-type]  # passed through

    attempt.stage.finish = finish_after_damage  # type: ignore[method-assign]  # the damage's moment
    result = attempt.finish()

    assert attempt.stage.worked[UNITS:] == ["number-001", "number-002"]
    assert finals(objects) == attempt.stage.expected()
    assert result.reasons_not_reused == (
        "part number-002: it holds 0 bytes where its header says 1",
    )


@pytest.mark.parametrize("key", [KEYS.content, KEYS.chunks, STAGE_FILE])
@pytest.mark.parametrize("cut", [0, 1])
def test_a_damaged_result_is_made_again(
    objects: MemoryStore, tmp_path: Path, key: str, cut: int
) -> None:
    Attempt(objects, tmp_path).finish()
    data = objects.objects[key]
    objects.objects[key] = data[: len(data) - 1] if cut else data[:-1] + bytes([data[-1] ^ 1])
    attempt = Attempt(objects, tmp_path)
    result = attempt.finish()
    assert not result.reused
    assert len(result.reasons_not_reused) == 1
    assert finals(objects) == attempt.stage.expected()


def test_a_storage_failure_ends_the_attempt_and_skips_nothing(
    objects: MemoryStore, tmp_path: Path
) -> None:
    Attempt(objects, tmp_path).finish()
    objects.available = False
    attempt = Attempt(objects, tmp_path)
    with pytest.raises(StorageUnavailableError):
        attempt.run()
    assert attempt.stage.worked == attempt.progress.told == []


# A stage's own faults


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, Killed, ValueError])
def test_no_error_is_swallowed(
    objects: MemoryStore, tmp_path: Path, fault: type[BaseException]
) -> None:
    attempt = Attempt(objects, tmp_path)

    def finish(parts: object, scratch: Path) -> StageOutput:
        (scratch / "half").write_bytes(b"")
        raise fault

    attempt.stage.finish = finish  # type: ignore[method-assign]  # the fault is the test
    with pytest.raises(fault):
        attempt.run()
    assert list(tmp_path.iterdir()) == []
    assert STAGE_FILE not in objects.objects


@pytest.mark.parametrize("name", ["../other", "stage-squares.json", "", "a/b", "x\x00"])
def test_an_output_with_a_bad_name_is_refused_before_any_is_written(
    objects: MemoryStore, tmp_path: Path, name: str
) -> None:
    attempt = Attempt(objects, tmp_path)

    def finish(parts: object, scratch: Path) -> StageOutput:
        path = scratch / "x"
        path.write_bytes(b"")
        return StageOutput({"content.md": path, name: path}, {})

    attempt.stage.finish = finish  # type: ignore[method-assign]  # the fault is the test
    with pytest.raises(InvalidKeyError):
        attempt.run()
    assert finals(objects) == {}


def test_facts_that_are_not_json_are_refused(objects: MemoryStore, tmp_path: Path) -> None:
    attempt = Attempt(objects, tmp_path)
    attempt.stage.finish = lambda parts, scratch: StageOutput({}, {"x": object()})  # type: ignore[method-assign]  # the fault is the test
    with pytest.raises(PermanentError, match="squares"):
        attempt.run()
    assert STAGE_FILE not in objects.objects


def test_two_units_with_one_key_are_refused(objects: MemoryStore, tmp_path: Path) -> None:
    attempt = Attempt(objects, tmp_path)
    attempt.stage.units = lambda: [Unit("u", "u"), Unit("u", "u")]  # type: ignore[method-assign]  # the fault is the test
    with pytest.raises(ValueError, match="one key"):
        attempt.run()
    assert attempt.stage.worked == []
