"""Where a job's next run begins: every way in which a resume may find what is there."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.launch import ParentRun, steps_to_walk
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, StageName

EXTRACTION, CHUNKING, EMBEDDINGS, CONNECTIONS = DOCUMENT_STAGES
WITHOUT_CONNECTIONS = DOCUMENT_STAGES[:-1]


def parent(*done: StageName) -> ParentRun:
    return ParentRun("parent", "root", frozenset(done))


@pytest.mark.parametrize("ended", range(4))
def test_with_a_valid_chain_the_run_goes_on_from_failure(ended: int) -> None:
    before = DOCUMENT_STAGES[:ended]
    broken = DOCUMENT_STAGES[ended]

    assert steps_to_walk(DOCUMENT_STAGES, parent(*before), broken) == DOCUMENT_STAGES[ended:]


@pytest.mark.parametrize("broken", [EXTRACTION, CHUNKING])
def test_a_checkpoint_lost_in_the_middle_is_made_again_and_all_after_it(broken: StageName) -> None:
    steps = steps_to_walk(DOCUMENT_STAGES, parent(EXTRACTION, CHUNKING, EMBEDDINGS), broken)

    assert steps == DOCUMENT_STAGES[DOCUMENT_STAGES.index(broken) :]


def test_a_stage_that_was_killed_after_its_checkpoint_is_told_to_dagster_again() -> None:
    assert steps_to_walk(DOCUMENT_STAGES, parent(EXTRACTION), None) == DOCUMENT_STAGES[1:]


def test_of_what_dagster_and_the_checkpoints_say_the_earlier_place_counts() -> None:
    assert steps_to_walk(DOCUMENT_STAGES, parent(EXTRACTION), EMBEDDINGS) == DOCUMENT_STAGES[1:]
    assert steps_to_walk(DOCUMENT_STAGES, parent(EXTRACTION, CHUNKING), EXTRACTION) == (
        DOCUMENT_STAGES
    )


@pytest.mark.parametrize("stages", [DOCUMENT_STAGES, WITHOUT_CONNECTIONS, (CONNECTIONS,)])
def test_with_nothing_left_the_last_stage_finds_all_done(stages: Sequence[StageName]) -> None:
    assert steps_to_walk(stages, parent(*stages), None) == stages[-1:]


@pytest.mark.parametrize("broken", [None, *DOCUMENT_STAGES])
def test_without_its_parent_a_fresh_run_looks_at_every_checkpoint(
    broken: StageName | None,
) -> None:
    assert steps_to_walk(DOCUMENT_STAGES, None, broken) == DOCUMENT_STAGES


def test_a_parent_that_ended_nothing_is_re_executed_from_the_beginning() -> None:
    assert steps_to_walk(DOCUMENT_STAGES, parent(), None) == DOCUMENT_STAGES


def test_a_stage_that_the_job_leaves_out_is_never_walked() -> None:
    assert steps_to_walk(WITHOUT_CONNECTIONS, parent(EXTRACTION), CONNECTIONS) == (
        CHUNKING,
        EMBEDDINGS,
    )


@given(
    count=st.integers(1, 4),
    done=st.frozensets(st.sampled_from(DOCUMENT_STAGES)),
    broken=st.none() | st.sampled_from(DOCUMENT_STAGES),
)
def test_whatever_is_done_the_run_walks_to_the_end_and_skips_only_what_is_done_and_valid(
    count: int, done: frozenset[StageName], broken: StageName | None
) -> None:
    stages = DOCUMENT_STAGES[:count]

    steps = steps_to_walk(stages, parent(*done), broken)

    assert steps
    skipped = stages[: len(stages) - len(steps)]
    assert (*skipped, *steps) == stages
    assert set(skipped) <= done - {broken}
