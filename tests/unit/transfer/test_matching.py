"""Chunks paired by their text and their place: nothing is guessed, nothing is paired twice."""

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.transfer.matching import Matching, Place, match_chunks

TEXTS = st.lists(st.sampled_from(["a", "b", "B!", "c d", "C  D", "🌱", "…", ""]), max_size=12)


def places(texts: list[str]) -> list[Place]:
    return [Place.of(index, text) for index, text in enumerate(texts)]


@given(TEXTS, TEXTS)
def test_every_chunk_has_one_partner_or_none(there: list[str], here: list[str]) -> None:
    found = match_chunks(places(there), places(here))
    lefts = [left for left, _ in found.pairs]
    rights = [right for _, right in found.pairs]
    assert sorted([*lefts, *found.only_there]) == list(range(len(there)))
    assert sorted([*rights, *found.only_here]) == list(range(len(here)))
    for left, right in found.pairs:
        assert Place.of(0, there[left]).folded == Place.of(0, here[right]).folded
    alone = {Place.of(0, there[left]).folded for left in found.only_there}
    assert not alone & {Place.of(0, here[right]).folded for right in found.only_here}


@given(TEXTS)
def test_the_same_chunks_are_paired_in_their_order(texts: list[str]) -> None:
    same = [(index, index) for index in range(len(texts))]
    assert match_chunks(places(texts), places(texts)) == Matching(same, [], [])


def test_the_text_as_it_is_goes_before_what_only_reads_alike() -> None:
    found = match_chunks(places(["One.", "one"]), places(["one", "One."]))
    assert found.pairs == [(0, 1), (1, 0)]


def test_of_several_the_nearest_is_taken() -> None:
    found = match_chunks(places(["x", "a", "y", "z", "a"]), places(["p", "q", "r", "s", "a"]))
    assert found.pairs == [(4, 4)]
    assert found.only_there == [0, 1, 2, 3]


def test_a_hundred_thousand_equal_chunks_are_paired_in_one_pass() -> None:
    found = match_chunks(places(["same"] * 100_000), places(["same"] * 99_000))
    assert len(found.pairs) == 99_000
