"""Bytes to text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.decoding import decode, detect_encoding
from rhizome_pipelines.lifecycle.errors import InvalidInputError

GERMAN = "Größe und Maß der Flüsse: ein Überblick über Bäche, Ströme und ihre Mündungen.\n"
RUSSIAN = "Реки несут воду, камни и рассказы с гор к морю; так было всегда и будет дальше.\n"
JAPANESE = "川は山から海へ水と石と物語を運ぶ。昔からそうであり、これからもそうである。\n"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "latin-1"),
        (GERMAN, "cp1252"),
        (GERMAN + "“quoted” – 5 €\n", "cp1252"),
        (RUSSIAN, "utf-8"),
        (RUSSIAN * 5, "cp1251"),
        (JAPANESE, "utf-16"),
        (JAPANESE * 5, "shift_jis"),
        ("wave 🌊\n", "utf-16-le"),
    ],
)
def test_encodings_are_told(text: str, codec: str) -> None:
    assert decode(text.encode(codec))[0] == text


def test_a_single_accent_is_read_as_western() -> None:
    text, encoding = decode("Ein Café am Fluss".encode("latin-1"))
    assert text == "Ein Café am Fluss"
    assert encoding.notes == ("The text is not UTF-8; it was read as cp1252.",)


def test_broken_utf8_stays_utf8() -> None:
    text, encoding = decode((RUSSIAN * 3).encode() + b"\xd0\n")
    assert text == RUSSIAN * 3 + "\ufffd\n"
    assert encoding.notes == ("1 broken UTF-8 sequences were replaced by “\ufffd”.",)


def test_a_replacement_character_of_its_own_is_no_fault() -> None:
    assert decode("a \ufffd b".encode())[1].notes == ()


def test_nuls_are_dropped_with_a_note() -> None:
    text, encoding = decode(b"rivers\x00 and lakes, and all that lies between them")
    assert text == "rivers and lakes, and all that lies between them"
    assert encoding.notes == ("NUL characters were dropped.",)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n", b"PK\x03\x04", b"%PDF-1.7", b"\x7fELF", bytes(100), bytes(range(256))]
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="not text"):
        decode(data)


def test_a_sequence_across_blocks_is_not_broken(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a" * (1024 * 1024 - 2) + "🌊".encode() * 5)
    encoding = detect_encoding(path)
    assert (encoding.codec, encoding.notes) == ("utf-8", ())


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Cc"])))
def test_utf8_comes_back(text: str) -> None:
    assert decode(b"a" + text.encode())[0] == "a" + text


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text, _ = decode(data)
    except InvalidInputError:
        return
    assert "\x00" not in text
