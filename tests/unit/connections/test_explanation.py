"""What is said about a connection."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.connections.explanation import shared_terms, snippet
from rhizome_pipelines.connections.ports import ChunkText
from rhizome_pipelines.connections.semantic import SemanticSimilarityEngine


def chunk(content: str, *headings: str) -> ChunkText:
    return ChunkText(UUID(int=1), UUID(int=2), "Title", 0, content, headings)


@given(st.text(max_size=400) | st.text("ab c\n", max_size=2_000))
def test_a_snippet_is_one_line_of_at_most_200_characters(text: str) -> None:
    shown = snippet(text)
    assert len(shown) <= 200
    assert shown.splitlines() in ([], [shown])


def test_a_snippet_ends_between_words() -> None:
    assert snippet("## Tides\n\nThey come  and go.") == "Tides They come and go."
    assert snippet("one two three", limit=9) == "one two…"
    assert snippet("one two three", limit=8) == "one two…"
    assert snippet("one two three", limit=7) == "one…"
    assert snippet("onetwothree", limit=5) == "onet…"
    assert snippet("a" * 200) == "a" * 200
    assert snippet(" " * 5_000 + "word") == "…"


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        (
            chunk("The memory fades. Memory, recall and sleep.", "Mind", "Forgetting"),
            chunk("Recall of a memory; sleep.", "forgetting "),
            "Similarity 0.81: both stand under “Forgetting”; both speak of memory, recall and "
            "sleep.",
        ),
        (chunk("Tides"), chunk("tides!"), "Similarity 0.81: both speak of tides."),
        (
            chunk("These would be such things"),
            chunk("These would be such things"),
            "Similarity 0.81: similar in meaning, in different words.",
        ),
    ],
)
def test_an_explanation_tells_what_both_share(
    source: ChunkText, target: ChunkText, sentence: str
) -> None:
    assert SemanticSimilarityEngine(0.5).explain(source, target, 0.8123) == sentence


def test_shared_terms_are_few_and_the_most_frequent_come_first() -> None:
    one = "alpha alpha bravo charlie delta echoes foxtrot"
    assert shared_terms(one, one) == ["alpha", "charlie", "foxtrot", "echoes", "bravo"]
    assert shared_terms("Größe der Über-Wellen", "über-wellen, GRÖSSE") == ["über-wellen", "grösse"]
