"""Where two texts say the opposite, and where they only seem to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.connections.contrast import antonyms, contrast


@pytest.mark.parametrize(
    ("one", "two", "kind"),
    [
        (
            "The treatment improves memory in old mice.",
            "The treatment does not improve memory in old mice.",
            "negation",
        ),
        (
            "Coffee lowers the risk of heart disease.",
            "Others are not so sure. Coffee raises the risk of heart disease.",
            "antonyms",
        ),
        (
            "Coffee reduces the risk of heart disease.",
            "Coffee increases the risk of heart disease.",
            "antonyms",
        ),
        (
            "The bridge was completed in 1883 after many years of work.",
            "The bridge was completed in 1891 after many years of work.",
            "numbers",
        ),
        (
            "The committee kept seven members of the old council.",
            "The committee kept nine members of the old council.",
            "numbers",
        ),
        # agreement
        (
            "The new cache is not slower than the old cache under load.",
            "The new cache is faster than the old cache under load.",
            None,
        ),
        ("Coffee reduces the risk of disease.", "Coffee reduces the risk of disease.", None),
        (
            "The bridge was completed in 1883 after many years of work.",
            "After many years of work, in 1883, the bridge was completed.",
            None,
        ),
        # different things
        ("Cats never sleep at night in summer.", "Whales sleep with half a brain.", None),
        # another case, other code, no prose
        (
            "The cache of the server is cleared at night.",
            "If the cache of the server is not cleared at night, an error is raised.",
            None,
        ),
        (
            "The `callback` argument of the function is optional now.",
            "The `digest` argument of the function is required now.",
            None,
        ),
        (
            "<!-- The option of the server was added in 1883. -->",
            "    The option of the server was added in 1891.",
            None,
        ),
        ("| The cache is cleared at night. |", "| The cache is never cleared at night. |", None),
        ("", "", None),
        ("not", "never mind", None),
    ],
)
def test_a_contrast_is_found_in_nearly_the_same_words(one: str, two: str, kind: str | None) -> None:
    found = contrast(one, two)
    assert (found.kind if found else None) == kind
    turned = contrast(two, one)
    assert (turned.kind if turned else None) == kind


SENTENCES = st.sampled_from(
    [
        f"{one} of {two} {middle} {last}."
        for one in ("The risk", "The rise")
        for two in ("heart disease", "old mice")
        for middle in ("was never reduced", "was reduced", "was increased", "was 7 times higher")
        for last in ("in winter", "under load in 1883")
    ]
)


@given(st.lists(SENTENCES, max_size=5), st.lists(SENTENCES, max_size=5))
def test_of_all_pairs_of_sentences_the_most_telling_is_found(
    one: list[str], two: list[str]
) -> None:
    pairs = (contrast(first, second) for first in one for second in two)
    best = max(filter(None, pairs), key=lambda found: found.overlap + found.certainty, default=None)
    assert contrast(" ".join(one), " ".join(two)) == best


def test_the_sentences_that_differ_are_quoted() -> None:
    found = contrast(
        "It was cold. The glaciers of the range have grown since 2000. We left.",
        "We came late.\n\nThe glaciers of the range have not grown since 2000.",
    )
    assert found is not None
    assert found.first == "The glaciers of the range have grown since 2000."
    assert found.second == "The glaciers of the range have not grown since 2000."
    assert found.overlap == 1.0


WORDS = st.sampled_from(
    ["glaciers", "grow", "shrink", "not", "never", "higher", "lower", "memory", "7", "12", ".", ""]
)


@given(st.lists(WORDS, max_size=60).map(" ".join), st.lists(WORDS, max_size=60).map(" ".join))
def test_a_contrast_is_the_same_from_both_sides(one: str, two: str) -> None:
    found = contrast(one, two)
    if found is not None:
        assert 0.5 <= found.overlap <= 1
        assert 0 < found.certainty < 1
    assert (found is None) == (contrast(two, one) is None)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_read(one: str, two: str) -> None:
    contrast(one, two)


def test_antonyms_hold_both_ways() -> None:
    pairs = antonyms()
    assert all(word in pairs[opposite] for word, found in pairs.items() for opposite in found)
    assert not any(word in found for word, found in pairs.items())
