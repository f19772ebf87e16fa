"""A position counts code points, UTF-16 units and bytes, and they never drift apart."""

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.markdown.utf16 import Position, utf8_length, utf16_length

FAMILY = "👩‍👩‍👧‍👦"
TEXTS = st.text(st.characters(codec="utf-8"))


def test_an_emoji_takes_two_utf16_units_and_four_bytes() -> None:
    assert Position().after("a😀b") == Position(points=3, units=4, octets=6)


def test_joined_emoji_and_combining_characters_are_counted_one_by_one() -> None:
    assert utf16_length(FAMILY) == 4 * 2 + 3
    assert utf16_length("e\u0301") == 2
    assert utf8_length("שלום") == 8


@given(st.lists(TEXTS))
def test_moving_piece_by_piece_ends_where_the_encodings_end(pieces: list[str]) -> None:
    position = Position()
    for piece in pieces:
        position = position.after(piece)
    text = "".join(pieces)
    assert position.points == len(text)
    assert position.units == len(text.encode("utf-16-le")) // 2
    assert position.octets == len(text.encode())
