"""Percent, merging, throttle and time left: pure."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.database.pace import (
    MOST_WHILE_WORKING,
    JobPercent,
    Throttle,
    TimeLeft,
    merge_progress,
)

STAGES = ("extraction", "chunking", "embeddings", "connections")
WEIGHTS = {"extraction": 0.45, "chunking": 0.15, "embeddings": 0.25, "connections": 0.15}

small = st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3)
patches = st.fixed_dictionaries(
    {},
    optional={
        "percent": st.integers(0, 100),
        "stage": st.sampled_from(STAGES),
        "details": st.text(max_size=5),
        "stage_data": small,
        "stage_timestamps": small,
        "checkpoint": small,
        "completed_stages": st.lists(st.sampled_from(STAGES), max_size=4),
    },
)


@given(st.lists(st.tuples(st.sampled_from((*STAGES, "other")), st.floats(-1, 2)), max_size=50))
def test_percent_never_falls_and_never_ends_before_the_completion(
    reports: list[tuple[str, float]],
) -> None:
    percent = JobPercent(STAGES, WEIGHTS)
    shown = [percent.shown]
    for stage, fraction in reports:
        percent.advance(stage, fraction)
        shown.append(percent.shown)
    assert shown == sorted(shown)
    assert shown[0] >= 0 and shown[-1] <= MOST_WHILE_WORKING


def test_stages_weigh_as_much_as_they_take() -> None:
    percent = JobPercent(STAGES, WEIGHTS)
    percent.advance("extraction", 1.0)
    assert percent.shown == 45
    percent.advance("chunking", 0.5)
    assert percent.exact == 52.5
    for stage in STAGES:
        percent.advance(stage, 1.0)
    assert percent.exact == 100.0
    assert percent.shown == 99


def test_only_the_stages_of_the_run_count() -> None:
    percent = JobPercent(["chunking", "embeddings"], WEIGHTS)
    assert percent.advance("embeddings", 1.0) == 62.5
    assert percent.advance("extraction", 1.0) == 62.5


def test_stages_without_a_weight_count_alike() -> None:
    percent = JobPercent(["read", "write"], WEIGHTS)
    assert percent.advance("read", 1.0) == 50.0


def test_a_run_without_stages_shows_nothing() -> None:
    assert JobPercent([], WEIGHTS).shown == 0


@given(patches, patches, patches)
def test_merging_is_associative(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    one_way = merge_progress(merge_progress(first, second), third)
    assert one_way == merge_progress(first, merge_progress(second, third))


@given(patches, patches)
def test_a_patch_drops_nothing_that_was_there(
    stored: dict[str, Any], patch: dict[str, Any]
) -> None:
    merged = merge_progress(stored, patch)
    assert set(merged) == set(stored) | set(patch)
    assert merged.get("percent", 0) >= stored.get("percent", 0)
    for part in ("stage_data", "stage_timestamps", "checkpoint"):
        assert set(merged.get(part, {})) == set(stored.get(part, {})) | set(patch.get(part, {}))
    assert set(merged.get("completed_stages", ())) >= set(stored.get("completed_stages", ()))


def test_no_time_is_told_before_enough_is_known() -> None:
    left = TimeLeft()
    assert left.estimate(100.0, 20.0) is None
    assert left.estimate(104.0, 40.0) is None, "four seconds"
    assert left.estimate(110.0, 24.0) is None, "four percent"
    assert left.estimate(110.0, 40.0) == 30


def test_what_was_reused_says_nothing_of_the_speed() -> None:
    left = TimeLeft()
    left.estimate(0.0, 0.0)
    left.jump(45.0)
    assert left.estimate(10.0, 55.0) == 45


def test_a_throttle_lets_the_first_pass_and_spaces_the_others() -> None:
    throttle = Throttle(0.25)
    assert throttle.wait(7.0) == 0.0
    throttle.wrote(7.0)
    assert throttle.wait(7.125) == 0.125
    assert throttle.wait(7.25) == 0.0
