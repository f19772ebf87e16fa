"""Random texts and random edits: what was not touched is found at its true place."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rhizome_pipelines.annotations.alignment import Alignment
from rhizome_pipelines.annotations.folding import FoldedText, fold
from rhizome_pipelines.markdown.unit_index import UnitIndex
from tests.unit.annotations.anchored import after_change, marked, sliced, units

SCRIPTS = st.sampled_from(
    [
        *"abcdeé .,*_-#\n",
        "\r\n",
        "😀",
        "👩‍👩‍👧",
        "ש",
        "ל",
        "ا",
        "م",
        "\u200f",
        "e\u0301",
        "ñ",
        "漢",
        "字",
        "ß",
        "ﬁ",
    ]
)
TEXTS = st.lists(SCRIPTS, max_size=200).map("".join)
SAMPLE = "rhizome 😀 naïve e\u0301tude שלום مرحبا 漢字 root, *stem* leaf— Straße ﬁnal of the and"
WORDS = st.sampled_from([*SAMPLE.split(), "line\r\n", "tree\n\n"])
PROSE = st.lists(WORDS, min_size=20, max_size=120).map(" ".join)
SETTINGS = settings(max_examples=60, deadline=None)


@SETTINGS
@given(TEXTS, st.data())
def test_units_and_points_are_converted_there_and_back(text: str, data: st.DataObject) -> None:
    index = UnitIndex(text)
    place = data.draw(st.integers(0, len(text)))
    assert index.to_units(place) == units(text[:place])
    assert index.to_points(index.to_units(place)) == place
    assert index.to_points(index.units + 5) == len(text)


@SETTINGS
@given(TEXTS)
def test_a_long_text_is_folded_as_a_short_one(text: str) -> None:
    folded = FoldedText(text)
    assert folded.text == fold(text)
    for place in range(len(folded)):
        begin, end = folded.raw_span(place, place + 1)
        assert folded.text[place] in fold(text[begin:end])


@SETTINGS
@given(PROSE, PROSE, PROSE, st.data())
def test_what_was_not_touched_is_found_at_its_true_place(
    before: str, middle: str, after: str, data: st.DataObject
) -> None:
    """The passage with its context occurs once in the new text, wherever that stands now."""
    begin = data.draw(st.integers(0, len(middle) - 1))
    end = data.draw(st.integers(begin + 1, len(middle)))
    old = f"{before}\n<1> {middle} <2>\n{after}"
    new = f"{data.draw(PROSE)}\n<1> {middle} <2>\n{data.draw(st.sampled_from([after, before]))}"
    shift = len(before) + len("\n<1> ")
    anchor = marked(old, shift + begin, shift + end)
    place = new.index("\n<1> ") + len("\n<1> ") + begin
    if new.count(anchor.before + anchor.quote + anchor.after) != 1:
        return
    if fold(new).count(fold(anchor.before + anchor.quote + anchor.after)) != 1:
        return
    moved = after_change(anchor, old, new)
    assert sliced(new, moved) == anchor.quote
    assert moved.start == units(new[:place])


@SETTINGS
@given(PROSE, st.data())
@example("x " * 40, None)
def test_text_put_before_and_behind_moves_every_quote_by_its_length(
    text: str, data: st.DataObject | None
) -> None:
    begin = data.draw(st.integers(0, len(text) - 1)) if data else 7
    end = data.draw(st.integers(begin + 1, len(text))) if data else 12
    lead = "Unlike all else 😀: "
    new = f"{lead}{text}\n\nThe end of it."
    anchor = marked(text, begin, end)
    moved = after_change(anchor, text, new)
    assert moved.quote == anchor.quote
    if not moved.recovery.needs_review:
        assert moved.start == anchor.start + units(lead)


@SETTINGS
@given(TEXTS, TEXTS, st.data())
def test_nothing_is_ever_refused_or_rewritten(old: str, new: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(old)))
    end = data.draw(st.integers(begin, len(old)))
    anchor = marked(old, begin, end)
    if not anchor.quote:
        return
    moved = after_change(anchor, old, new)
    assert moved.quote == anchor.quote
    assert 0 <= moved.start <= moved.end
    again = after_change(moved, new, new)
    assert again == moved


@SETTINGS
@given(PROSE, PROSE)
def test_an_alignment_keeps_its_order_and_pairs_equal_text(old: str, new: str) -> None:
    one, other = FoldedText(old), FoldedText(new)
    alignment = Alignment(one, other)
    for begin in range(0, len(one), 7):
        bracket = alignment.bracket(begin, min(begin + 5, len(one)))
        assert 0 <= bracket.begin <= bracket.expected <= bracket.end <= len(other)
        if bracket.unchanged:
            assert other.text.startswith(
                one.text[begin : begin + 5][: len(one) - begin], bracket.expected
            )
