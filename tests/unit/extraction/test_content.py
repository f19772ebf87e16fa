"""The one shape of `content.md`, and where places in a text have gone."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction import content as module
from rhizome_pipelines.extraction.content import (
    ContentCleaner,
    summarise,
    write_content,
)
from rhizome_pipelines.extraction.word_count import count_words
from rhizome_pipelines.markdown.utf16 import utf16_offsets

TEXTS = st.text(alphabet="ab \t\n\n\n\r\x00\x0c\x85🌊é\ufeff", max_size=60)


def cleaned(pieces: list[str]) -> str:
    cleaner = ContentCleaner()
    return "".join([*map(cleaner.feed, pieces), cleaner.end()])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\n\rd", "a\nb\nc\n\nd\n"),
        ("\ufeff\n\na\n\n\n\n\nb\n\n", "a\n\n\nb\n"),
        ("a\x00\x1bb\x0cc\x85d", "ab\nc\nd\n"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_shape(text: str, expected: str) -> None:
    assert cleaned([text]) == expected


@given(TEXTS, st.lists(st.integers(0, 60), max_size=6))
def test_pieces_make_no_difference(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert cleaned(pieces) == cleaned([text])


@given(TEXTS)
def test_shape_is_stable(text: str) -> None:
    once = cleaned([text])
    assert cleaned([once]) == once
    assert "\n\n\n\n" not in once
    assert not once or (once[0] != "\n" and once.endswith("\n") and not once.endswith("\n\n"))


@given(TEXTS.filter(lambda text: "é" not in text), st.data())
def test_marks_move_with_the_text(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    marked = text[:place] + "é" + text[place:]
    with TemporaryDirectory() as folder:
        raw, out = Path(folder, "raw"), Path(folder, "out")
        raw.write_bytes(marked.encode())
        (moved,) = write_content(raw, out, [place])
        result = out.read_bytes().decode()
        assert result[moved] == "é"
        assert utf16_offsets(out, [moved]) == {moved: len(result[:moved].encode("utf-16-le")) // 2}
        summary = summarise(out)
    assert summary.character_count == len(result)
    assert summary.utf16_length == len(result.encode("utf-16-le")) // 2


def test_marks_in_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.write_bytes("ab\r\n\n\n\n\nc🌊d".encode())
    assert write_content(raw, out, [8, 0, 10, 8, 99]) == [5, 0, 7, 5, 9]
    assert out.read_bytes().decode() == "ab\n\n\nc🌊d\n"
    assert utf16_offsets(out, [0, 5, 7, 9]) == {0: 0, 5: 5, 7: 8, 9: 10}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't well-known 3.5 _a_ — # *", 5),
        ("naïve “quotes” l’eau", 3),
        ("川は山から", 5),
        ("カタカナ and 漢字", 7),
        ("강은 산에서", 2),
        ("हिन्दी नदी", 2),
        ("реки несут", 2),
        ("", 0),
    ],
)
def test_words(text: str, words: int) -> None:
    assert count_words(text) == words
