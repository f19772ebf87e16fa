"""What Postgres can hold, and its binary vectors."""

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.database.storable import (
    is_storable,
    is_storable_json,
    storable_json,
    storable_text,
)
from rhizome_pipelines.database.vector_format import decode_vectors, encode_vector

any_text = st.text(st.characters(codec=None, exclude_categories=()))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)


@given(any_text)
def test_text_is_made_storable_and_left_alone_if_it_is(text: str) -> None:
    made = storable_text(text)
    assert is_storable(made)
    assert made == text or not is_storable(text)


@given(any_json)
def test_json_is_made_storable(value: Any) -> None:
    made = storable_json(value)
    assert is_storable_json(made)
    json.dumps(made, ensure_ascii=False).encode()


def test_what_is_not_storable() -> None:
    assert not is_storable("a\0b")
    assert not is_storable("\ud83d")
    assert is_storable("😀")
    assert not is_storable_json({"a": ["b", {"\0": 1}]})
    assert storable_text("a\0\ud83d😀") == "a��😀"


def test_a_vector_is_padded_big_endian() -> None:
    encoded = encode_vector(np.array([1.0, -2.0], dtype=np.float32), 3)
    assert encoded.hex() == "00030000" + "3f800000" + "c0000000" + "00000000"


@given(st.lists(st.lists(st.floats(width=32), min_size=4, max_size=4), max_size=5))
def test_vectors_come_back_without_the_padding(values: list[list[float]]) -> None:
    vectors = np.array(values, dtype=np.float32).reshape(-1, 4)
    rows = [encode_vector(vector, 7) for vector in vectors]
    np.testing.assert_array_equal(decode_vectors(rows, 4), vectors)
