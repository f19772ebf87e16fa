"""Lists in JSON files are read entry by entry; hostile ones are refused before they cost much."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.checkpoints import json_items
from rhizome_pipelines.checkpoints.envelope import MAX_DEPTH
from rhizome_pipelines.checkpoints.json_items import MAX_ENTRY_PARTS, read_entries
from rhizome_pipelines.lifecycle.errors import InvalidInputError

FILE = "things.json"


def read(path: Path) -> list[Any]:
    return list(read_entries(path, "things", "1.0"))


def written(folder: Path, text: str) -> Path:
    path = folder / FILE
    path.write_text(text, "utf-8")
    return path


def around(entries: str) -> str:
    return f'{{"version":"1.0","things":{entries}}}'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**63, 2**63 - 1) | st.text('"\\[]{},a😀\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('"\\{]'), inner),
)


@given(
    entries=st.lists(VALUES),
    ascii_only=st.booleans(),
    block=st.integers(1, 40),
    late=st.booleans(),
)
def test_entries_come_as_they_are_wherever_the_blocks_end(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[Any],
    ascii_only: bool,
    block: int,
    late: bool,
) -> None:
    head, body = {"version": "1.0"}, {"other": {"things": [1]}, "things": entries}
    path = tmp_path_factory.mktemp("json") / FILE
    whole = {**body, **head} if late else {**head, **body}
    path.write_text(json.dumps(whole, ensure_ascii=ascii_only), "utf-8")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "_BLOCK", block)
        assert read(path) == entries


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (around('[{"a":' + "[" * 100_000), "more than 100 levels deep"),
        (around('[{"a":' + '{"a":' * 100_000), "more than 100 levels deep"),
        (around("[[" + "[]," * MAX_ENTRY_PARTS + "0]]"), "more than 200,000 parts"),
        (around(f"[{'9' * 5000}]"), "a number of more than 64 bits"),
        (around("[1e400]"), "a number of more than 64 bits"),
        (around(f"[{2**63}]"), "a number of more than 64 bits"),
        ('{"version":' + "9" * 5000 + "}", "a number of more than 64 bits"),
        (around("[NaN]"), "no valid JSON"),
        (around('["a'), "no valid JSON"),
        (around("[1"), "no valid JSON"),
        ("", "no valid JSON"),
        ("[1]", "version 'None'"),
        ('{"version":"2.0","things":[]}', "version '2.0'"),
        (around("{}"), "no list 'things'"),
        (around("null"), "no list 'things'"),
        ('{"version":"1.0"}', "no list 'things'"),
    ],
)
def test_what_is_no_such_list_is_refused_in_a_sentence(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(InvalidInputError, match=told) as refused:
        read(written(tmp_path, text))
    assert refused.value.message.startswith("things.json ")
    assert len(refused.value.message) < 100


def test_the_bounds_are_what_an_honest_file_may_have(tmp_path: Path) -> None:
    deep = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    assert len(read(written(tmp_path, around(f"[{deep}]")))) == 1
    many = "[" + "[]," * (MAX_ENTRY_PARTS - 2) + "0]"
    assert len(read(written(tmp_path, around(f"[{many},{many}]")))) == 2


def test_an_entry_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_items, "MAX_ENTRY", 1000)
    monkeypatch.setattr(json_items, "_BLOCK", 100)
    assert len(read(written(tmp_path, around(f'[["{"x" * 800}"],["{"x" * 800}"]]')))) == 2
    for text in (f'["{"x" * 2000}', f'[["x",{"1," * 1000}1]]'):
        with pytest.raises(InvalidInputError, match="an entry of more than"):
            read(written(tmp_path, around(text)))
