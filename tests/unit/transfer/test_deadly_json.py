"""What would end a parser is known without one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhizome_pipelines.transfer import deadly_json
from rhizome_pipelines.transfer.deadly_json import MAX_DIGITS, deadly_fault

TEXTS = st.text(alphabet='ab[]{}"\\\n🌱')
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


def depth_of(value: Any) -> int:
    match value:
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case _:
            return 0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nesting") / "a.json"


@settings(max_examples=200)
@given(value=VALUES, block=st.integers(1, 20), as_ascii=st.booleans())
def test_brackets_are_counted_where_they_are_no_text(
    file: Path, value: Any, block: int, as_ascii: bool
) -> None:
    file.write_bytes(json.dumps(value, ensure_ascii=as_ascii).encode())
    depth = depth_of(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadly_json, "_BLOCK", block)
        assert deadly_fault(file, depth) is None
        assert depth == 0 or deadly_fault(file, depth - 1)


def test_what_has_no_end_is_deep_all_the_same(file: Path) -> None:
    file.write_bytes(b"[" * 1_000_000)
    assert "100 levels" in (deadly_fault(file, 100) or "")


@pytest.mark.parametrize("before", [0, 256 * 1024 - 500])
def test_a_number_of_too_many_digits_is_found_wherever_it_stands(file: Path, before: int) -> None:
    digits = b"7" * MAX_DIGITS
    for number, fault in ((digits, False), (digits + b"7", True), (b'"%s7"' % digits, False)):
        file.write_bytes(b" " * before + b"[" + number + b"]")
        assert (deadly_fault(file, 1) is not None) is fault
