"""Names in archives: safe ones on every file system, one for each document."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.transfer.names import (
    distinct_names,
    folded,
    name_fault,
    note_names,
    readable_stem,
)


@given(st.text())
def test_any_title_gives_a_name_that_is_allowed_everywhere(title: str) -> None:
    stem = readable_stem(title)
    assert name_fault(f"notes/{stem}.md") is None
    assert not set(stem) & set('/\\:*?"<>|')
    assert len(stem.encode()) <= 120


TITLES = st.text(max_size=6) | st.just(f"a ({UUID(int=1)})")


@given(st.lists(TITLES, max_size=20))
def test_no_two_documents_share_a_note(titles: list[str]) -> None:
    named = note_names([(UUID(int=number), title) for number, title in enumerate(titles)])
    assert len({folded(name) for name in named.values()}) == len(titles)


NAMES = st.text(alphabet="aAbBéE\u0301ß~2/.", min_size=1, max_size=8).filter(
    lambda name: all(name.split("/")) and not {".", ".."} & set(name.split("/"))
)


@given(st.sets(NAMES, max_size=12))
def test_names_are_told_apart_on_every_file_system(names: set[str]) -> None:
    called = distinct_names(names)
    assert set(called) == names
    found = {folded(name) for name in called.values()}
    assert len(found) == len(names)
    folders = {
        "/".join(name.split("/")[:depth])
        for name in found
        for depth in range(1, name.count("/") + 1)
    }
    assert not found & folders
    assert distinct_names(sorted(names)) == called, "whatever their order"


def test_what_is_told_apart_already_keeps_its_name() -> None:
    names = ["content.md", "Content.md", "a", "a/b.png", "A/b.png", "cafe\u0301", "caf\u00e9"]
    called = distinct_names(names)
    assert called["content.md"] == "content.md"
    assert called["Content.md"] == "Content~2.md"
    assert (called["a/b.png"], called["A/b.png"]) == ("a/b.png", "A/b~2.png")
    assert called["a"] == "a~2"
    assert distinct_names(["x/y.png", "z.md"]) == {"x/y.png": "x/y.png", "z.md": "z.md"}


@given(st.sampled_from(["con", "PRN", "Aux", "nul", "COM1", "lpt9"]), st.sampled_from(["", ".b c"]))
def test_no_note_is_called_as_a_device(device: str, rest: str) -> None:
    assert readable_stem(device + rest) == f"_{device}{rest}"
    assert readable_stem(f"{device}sole") == f"{device}sole"


def test_titles_stay_readable() -> None:
    one, other = uuid4(), uuid4()
    named = note_names([(one, "C: a *story* / “draft”?"), (other, "c a story “draft”")])
    assert named == {one: "C a story “draft”.md", other: f"c a story “draft” ({other}).md"}
    assert readable_stem(" .. ") == "Untitled"
