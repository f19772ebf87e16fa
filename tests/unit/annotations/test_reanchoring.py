"""Where annotations stand after a text has changed, and how sure that is."""

from dataclasses import replace
from uuid import UUID

import pytest

from rhizome_pipelines.annotations import Anchor, Recovery, RecoveryMethod, reanchor_document
from tests.unit.annotations.anchored import Shelf, after_change, chunks_of, marked, sliced, units

RHIZOME = (
    "A rhizome has no beginning or end; it is always in the middle, between things. "
    "The tree is filiation, but the rhizome is alliance, uniquely alliance. "
    "Any point of a rhizome can be connected to anything other, and must be. "
)
SUBJECTS = "moss bark lichen sap root crown seed leaf fungus soil rain frost wind stone"
OTHER = "".join(
    f"Paragraph {number} speaks of {word} and of what {word} leaves behind in winter.\n\n"
    for number, word in enumerate(SUBJECTS.split())
)
TEXT = f"{OTHER}{RHIZOME}\n\n{OTHER.replace('winter', 'spring')}"
QUOTE = "the rhizome is alliance, uniquely alliance."


def quote_in(text: str, quote: str = QUOTE, *, occurrence: int = 0) -> Anchor:
    begin = -1
    for _ in range(occurrence + 1):
        begin = text.index(quote, begin + 1)
    return marked(text, begin, begin + len(quote))


def test_text_put_before_moves_it_along() -> None:
    new = "A foreword 😀 of another hand.\n\n" * 40 + TEXT
    moved = after_change(quote_in(TEXT), TEXT, new)
    assert sliced(new, moved) == QUOTE
    assert moved.recovery == Recovery(RecoveryMethod.EXACT, 1.0, False)
    (chunk,) = [one for one in chunks_of(new) if one.id == moved.pointer.chunk_ids[0]]
    assert chunk.index == moved.pointer.index
    assert chunk.start is not None and chunk.end is not None
    assert chunk.start <= moved.start < chunk.end


@pytest.mark.parametrize("known", [True, False], ids=["old text known", "old text gone"])
def test_of_ten_equal_quotes_the_context_decides(known: bool) -> None:
    lines = [
        f"In the year {1800 + n * 7} they wrote: all is well. Then came {n}.\n" for n in range(10)
    ]
    old = "".join(f"{line}{OTHER}" for line in lines)
    new = old.replace("moss", "green moss").replace(lines[1], "").replace(lines[7], "")
    for occurrence in (0, 2, 5, 9):
        moved = after_change(
            quote_in(old, "all is well", occurrence=occurrence), old if known else None, new
        )
        true = new.index("all is well", new.index(f"In the year {1800 + occurrence * 7} "))
        assert moved.start == true
        assert not moved.recovery.needs_review


def test_the_old_place_decides_between_places_that_are_alike_in_all() -> None:
    line = "Item: see above. "
    old = OTHER + line * 9 + OTHER.replace("winter", "June")
    moved = after_change(quote_in(old, "see above", occurrence=4), old, "Preface.\n" + old)
    assert moved.start == quote_in(old, "see above", occurrence=4).start + len("Preface.\n")
    assert moved.recovery.confidence == 1.0
    unsure = after_change(quote_in(old, "see above", occurrence=4), None, old)
    assert unsure.start == quote_in(old, "see above", occurrence=4).start
    assert unsure.recovery.needs_review


def test_the_same_words_far_away_in_another_context_are_no_certainty() -> None:
    quote = "it was the best of times for all of them"
    old = f"{OTHER}When the harvest came {quote} and nobody counted.\n{OTHER}"
    new = (
        f"{OTHER}{OTHER}\nElsewhere, an unlike remark that {quote}; dust and silence followed it.\n"
    )
    moved = after_change(quote_in(old, quote), old, new)
    assert sliced(new, moved) == quote
    assert moved.recovery.needs_review


def test_a_passage_that_was_moved_is_found_by_its_context() -> None:
    new = f"{OTHER}{OTHER.replace('winter', 'spring')}{RHIZOME}"
    moved = after_change(quote_in(TEXT), TEXT, new)
    assert sliced(new, moved) == QUOTE
    assert not moved.recovery.needs_review


def test_lines_that_are_wrapped_anew_change_nothing() -> None:
    new = TEXT.replace(QUOTE, "The rhizome is **alliance**,\nuniquely  alliance.").replace(
        " of ", "\nof "
    )
    moved = after_change(quote_in(TEXT), TEXT, new)
    assert sliced(new, moved) == "The rhizome is **alliance**,\nuniquely  alliance."
    assert not moved.recovery.needs_review
    assert moved.quote == QUOTE


@pytest.mark.parametrize(
    ("written", "review"),
    [
        ("the rhizome is an alliance, uniquely alliance.", False),
        ("the rhizomes are alliance, unique alliance.", False),
        ("the net is alliance, and nothing but alliance.", True),
    ],
)
def test_a_quote_that_was_edited_is_found_between_its_neighbours(
    written: str, review: bool
) -> None:
    new = TEXT.replace(QUOTE, written)
    moved = after_change(quote_in(TEXT), TEXT, new)
    assert sliced(new, moved) == written
    assert moved.recovery.method is RecoveryMethod.CONTEXT
    assert moved.recovery.needs_review is review
    assert moved.recovery.confidence is not None
    assert (moved.recovery.confidence < 0.85) is review


def test_edited_words_in_an_edited_neighbourhood_are_found_within_the_chunks() -> None:
    new = TEXT.replace(
        RHIZOME, "Trees filiate; yet the rhizome was alliance, uniquely an alliance! Nothing else."
    )
    moved = after_change(quote_in(TEXT), TEXT, new)
    assert sliced(new, moved).startswith("the rhizome was alliance, uniquely an alliance")
    assert moved.recovery.method is RecoveryMethod.CHUNK_BOUNDED


def test_edited_words_far_away_are_found_by_trigrams_and_shown_to_a_person() -> None:
    elsewhere = "".join(
        f"Line {n} of quite another matter, number {n * 7919}.\n" for n in range(300)
    )
    new = OTHER + elsewhere + "So the rhizome was alliance, uniquely an alliance."
    moved = after_change(quote_in(TEXT), TEXT, new)
    assert sliced(new, moved).startswith("the rhizome was alliance, uniquely an alliance")
    assert moved.recovery.method is RecoveryMethod.TRIGRAM
    assert moved.recovery.needs_review


def test_what_is_not_there_any_more_is_kept_and_found_when_it_returns() -> None:
    gone = TEXT.replace(RHIZOME, "")
    before = quote_in(TEXT)
    lost = after_change(before, TEXT, gone)
    assert lost == replace(before, recovery=Recovery(RecoveryMethod.LOST, 0.0, True))
    back = after_change(lost, gone, TEXT)
    assert sliced(TEXT, back) == QUOTE
    assert back.recovery.method is not RecoveryMethod.LOST


def test_a_long_highlight_is_found_by_its_ends() -> None:
    old = f"{OTHER}{TEXT}{OTHER}".replace("winter", "autumn")
    begin, end = len(OTHER) + 40, len(old) - len(OTHER)
    new = old.replace("fungus", "mushroom and fungus").replace("stone", "the stone")
    moved = after_change(marked(old, begin, end), old, new)
    assert sliced(new, moved).startswith(old[begin : begin + 30])
    assert sliced(new, moved).endswith(old[end - 30 : end].strip())
    assert not moved.recovery.needs_review


def test_a_text_that_has_not_changed_is_not_even_read() -> None:
    shelf = Shelf({UUID(int=2): quote_in(TEXT), UUID(int=3): None})
    report = shelf.change(TEXT, TEXT)
    assert (shelf.writes, list(report.changed)) == (0, [])
    assert report.placed == {RecoveryMethod.EXACT: 1}
    assert report.unreadable == [UUID(int=3)]


def test_done_again_nothing_is_written() -> None:
    new = TEXT.replace(QUOTE, "the net is alliance, and nothing but alliance.")
    shelf = Shelf({UUID(int=2): quote_in(TEXT)})
    assert shelf.change(TEXT, new).changed
    written = shelf.writes
    assert not shelf.change(new, new).changed
    assert shelf.writes == written


def test_what_a_person_has_confirmed_stays_confirmed_when_the_text_changes_elsewhere() -> None:
    new = TEXT.replace(QUOTE, "the net is alliance, and nothing but alliance.")
    doubtful = after_change(quote_in(TEXT), TEXT, new)
    confirmed = replace(doubtful, recovery=replace(doubtful.recovery, needs_review=False))
    newer = "A title page\n\n" + new
    moved = after_change(confirmed, new, newer)
    assert sliced(newer, moved) == sliced(new, confirmed)
    assert moved.recovery == confirmed.recovery


def test_offsets_of_the_wrong_kind_are_set_right_by_the_quote() -> None:
    old = "😀🌱 " * 30 + TEXT
    wrong = replace(quote_in(old), start=0, end=0)
    moved = after_change(wrong, old, "More. " + old)
    assert sliced("More. " + old, moved) == QUOTE
    assert not moved.recovery.needs_review


@pytest.mark.parametrize("chunk_end", [-1, 10**9])
def test_chunk_rows_that_contradict_themselves_are_left_out(chunk_end: int) -> None:
    shelf = Shelf({UUID(int=2): quote_in(TEXT)})
    chunks = chunks_of(TEXT)
    chunks[0] = replace(chunks[0], end=chunk_end)
    report = reanchor_document(
        shelf, UUID(int=1), shelf.anchors(UUID(int=1)), chunks, lambda: TEXT, chunks_of(TEXT)
    )
    assert report.placed == {RecoveryMethod.EXACT: 1}


def test_an_emptied_text_loses_all_and_deletes_nothing() -> None:
    moved = after_change(quote_in(TEXT), TEXT, "")
    assert moved.recovery.method is RecoveryMethod.LOST
    assert moved.quote == QUOTE


def test_units_are_utf_16() -> None:
    assert units("😀a") == 3
