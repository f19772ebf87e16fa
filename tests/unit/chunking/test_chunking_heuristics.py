"""What the heuristics say about real prose is roughly what a reader would say."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.chunking.enrichment import EnrichmentInput
from rhizome_pipelines.chunking.heuristics import HeuristicEnricher
from rhizome_pipelines.chunking.metadata import ChunkMetadata, Emotion, Method
from rhizome_pipelines.chunking.profile import singular
from rhizome_pipelines.chunking.sentiment import sentiment_of
from rhizome_pipelines.chunking.terms import prose, terms_of

# Charles Darwin, On the Origin of Species (1859)
DARWIN = """How will the struggle for existence act in regard to variation? Can the principle of
selection, which we have seen is so potent in the hands of man, apply in nature? Natural selection
acts solely by the preservation of variations in some way advantageous. Let it be borne in mind how
infinitely complex are the mutual relations of all organic beings to each other and to their
conditions of life. This preservation of favourable variations and the rejection of injurious
variations, I call Natural Selection. The species of plants and birds in one habitat vary, and
natural selection preserves the variations that an organism can use."""
# Adam Smith, The Wealth of Nations (1776)
SMITH = """The greatest improvement in the productive powers of labour seem to have been the effects
of the division of labour. The division of labour occasions, in every art, a proportionable increase
of the productive powers of labour. When the market is very small, no person can have any
encouragement to dedicate himself entirely to one employment. The price of any commodity, the wages
of labour, the profit of stock and the rent of land vary with the quantity of money."""
# Charlotte Brontë, Jane Eyre (1847)
GRIEF = """I wept in misery and despair. My heart was full of grief and sorrow; never had I been so
wretched, so lonely and so hopeless. The tears ran down and I could not stop weeping, and the
mourning of the others only made the gloom of that dreary day more bitter."""
GERMAN = """Der Gemeinplatz, dass die Philosophie mit dem Staunen beginnt, ist so alt wie die
Philosophie selbst. Die Vernunft sucht nach den Bedingungen der Erkenntnis, und die Erkenntnis
setzt die Vernunft voraus. Ohne Vernunft keine Erkenntnis."""
CHINESE = "自然选择是进化的机制。自然选择保存有利的变异。物种在环境中进化。"


def describe(text: str, *others: str, headings: tuple[str, ...] = ()) -> ChunkMetadata:
    chunks = [EnrichmentInput(i, each, headings) for i, each in enumerate((text, *others))]

    def sample(count: int) -> Iterable[EnrichmentInput]:
        return chunks[:count]

    return HeuristicEnricher(sample, len(chunks)).describe(chunks[0])


def test_darwin_is_about_natural_selection_in_biology() -> None:
    found = describe(DARWIN, SMITH, GRIEF)
    assert "natural selection" in found.themes
    assert any(concept.text == "variations" for concept in found.concepts)
    assert found.domain == "biology"
    assert found.confidence > 0.4
    assert found.method is Method.HEURISTIC


def test_smith_is_about_labour_in_economics() -> None:
    found = describe(SMITH, DARWIN, GRIEF)
    assert any("labour" in theme for theme in found.themes)
    assert found.domain == "economics"


def test_grief_is_sad() -> None:
    found = describe(GRIEF, SMITH)
    assert found.emotion is Emotion.SADNESS
    assert found.polarity < -0.7
    assert found.intensity > 0.5


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("She was happy and cheerful.", 0.5, 1.0),
        ("She was not happy.", -1.0, -0.1),
        ("The table has four legs.", 0.0, 0.0),
    ],
)
def test_negation_turns_the_feeling(text: str, low: float, high: float) -> None:
    assert low <= sentiment_of(terms_of(text).words).polarity <= high


def test_a_negated_emotion_is_none() -> None:
    words = terms_of("She was not happy and never cheerful.").words
    assert sentiment_of(words).emotion is Emotion.NEUTRAL


@pytest.mark.parametrize("text", [GERMAN, CHINESE])
def test_other_languages_are_neutral_but_have_keyphrases(text: str) -> None:
    found = describe(text, text)
    assert found.themes
    assert (found.polarity, found.emotion, found.intensity) == (0.0, Emotion.NEUTRAL, 0.0)
    assert (found.domain, found.confidence) == ("general", 0.0)


def test_german_keyphrases_are_nouns_not_function_words() -> None:
    assert {"vernunft", "erkenntnis"} <= set(describe(GERMAN, GERMAN).themes)


@pytest.mark.parametrize("text", ["1 2 3", "| | |", "```\nx = 1\n```", "🙂🙂", "a"])
def test_texts_that_say_nothing_are_described_too(text: str) -> None:
    found = describe(text)
    assert 0 <= found.importance <= 1
    assert found.domain in ("general", "technology", "mathematics")


def test_numbers_are_within_their_ranges() -> None:
    for text in (DARWIN, SMITH, GRIEF, GERMAN, CHINESE):
        found = describe(text, DARWIN)
        assert 0 <= found.importance <= 1
        assert -1 <= found.polarity <= 1
        assert 0 <= found.confidence <= 1
        assert all(0 <= concept.importance <= 1 for concept in found.concepts)


def test_a_list_of_references_matters_less() -> None:
    usual = describe(DARWIN, SMITH, headings=("Chapter IV",)).importance
    assert describe(DARWIN, SMITH, headings=("References",)).importance < usual / 2 + 0.01


def test_the_summary_is_a_sentence_of_the_text() -> None:
    found = describe(DARWIN, SMITH, GRIEF)
    assert found.summary is not None
    assert len(found.summary) <= 240
    assert found.summary.rstrip("…") in " ".join(DARWIN.split())


@pytest.mark.parametrize(
    "hidden",
    [
        "---\ntitle: Moss\ntags:\n  - hidden\n- hidden\n\n# hidden: x\n---\n",
        "---\r\n",
        "<!-- hidden\nhidden -->",
        "<!---->",
    ],
)
def test_what_nobody_reads_is_no_prose(hidden: str) -> None:
    text = prose(f"{hidden}Moss grows <!-- hidden --> slowly.")
    assert "hidden" not in text
    assert text.split()[-3:] == ["Moss", "grows", "slowly."]


def test_a_line_of_dashes_hides_nothing() -> None:
    text = "---\nMoss grows slowly, and nobody sees it.\n---\nThen it rains.\n"
    assert "nobody sees it" in prose(text)
    assert prose("---\ntitle: only this\n---\n") == "---\ntitle: only this\n---\n"
    assert "unclosed" not in prose("Moss grows. <!-- unclosed")


@given(st.text(alphabet="-: #\n\tab<!>.", max_size=400))
def test_hostile_front_matter_takes_no_time(text: str) -> None:
    prose("---\n" + text * 20)


def test_markup_says_nothing() -> None:
    text = prose("See [the page](https://example.org/a/b) <b>now</b>\n\n```\ncode here\n```\nend")
    words = terms_of(text).words
    assert words == ("see", "the", "page", "now", "end")


def test_singulars() -> None:
    words = ["theories", "cats", "class", "analysis", "virus", "bus"]
    assert [singular(word) for word in words] == [
        *("theory", "cat", "class", "analysis", "virus", "bus"),
    ]
