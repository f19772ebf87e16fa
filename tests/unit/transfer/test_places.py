"""Places in UTF-16 units, whatever the text is made of."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.places import Places
from rhizome_pipelines.transfer.records import ChunkRecord

TEXTS = st.text(alphabet="a \n🌱é\u0301ש\U0010ffff\ufeff", min_size=1, max_size=40)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def places_of(text: str, folder: str) -> Places:
    path = Path(folder) / "content.md"
    path.write_bytes(text.encode())
    return Places(path)


def chunk(text: str, start: int, end: int, confidence: str = "exact") -> ChunkRecord:
    return ChunkRecord.model_validate(
        {
            "chunk_index": 0,
            "content": text,
            "start_offset": start,
            "end_offset": end,
            "position_confidence": confidence,
        }
    )


@given(TEXTS, st.data())
def test_chunks_that_were_cut_from_a_text_stand_in_it(text: str, data: st.DataObject) -> None:
    cuts = sorted([*data.draw(st.lists(st.integers(0, len(text)), max_size=5)), 0, len(text)])
    with TemporaryDirectory() as folder:
        places = places_of(text, folder)
        for start, end in pairwise(cuts):
            cut = text[start:end]
            begin = units(text[:start])
            assert places.fault(chunk(cut, begin, begin + units(cut))) is None


@given(TEXTS, st.data())
def test_a_chunk_elsewhere_is_told(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, units(text) + 3))
    end = data.draw(st.integers(start, units(text) + 3))
    content = data.draw(TEXTS)
    there = text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le", "replace")
    with TemporaryDirectory() as folder:
        fault = places_of(text, folder).fault(chunk(content, start, end))
    stands = end <= units(text) and there == content and units(content) == end - start
    assert (fault is None) == stands


def test_only_an_exact_chunk_claims_its_text(tmp_path: Path) -> None:
    places = places_of("Moss 🌱 grows.", str(tmp_path))
    assert places.fault(chunk("Moss that grows.", 0, 14, "high")) is None
    assert "behind the 14 UTF-16 units" in str(places.fault(chunk("Moss", 0, 15, "synthetic")))
    assert places.fault(chunk("🌱", 5, 7)) is None
    assert "before the chunk before it" in str(places.fault(chunk("Moss", 0, 4)))


def test_a_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "content.md"
    path.write_bytes("Größe".encode("latin-1"))
    with pytest.raises(InvalidInputError, match="UTF-8"):
        Places(path)
