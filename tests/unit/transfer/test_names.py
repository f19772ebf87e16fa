"""Names in archives: safe ones on every file system, one for each document."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.transfer.names import folded, name_fault, note_names, readable_stem


@given(st.text())
def test_any_title_gives_a_name_that_is_allowed_everywhere(title: str) -> None:
    stem = readable_stem(title)
    assert name_fault(f"notes/{stem}.md") is None
    assert not set(stem) & set('/\\:*?"<>|')
    assert len(stem.encode()) <= 120


@given(st.lists(st.text(max_size=6), max_size=20))
def test_no_two_documents_share_a_note(titles: list[str]) -> None:
    named = note_names([(UUID(int=number), title) for number, title in enumerate(titles)])
    assert len({folded(name) for name in named.values()}) == len(titles)


def test_titles_stay_readable() -> None:
    one, other = uuid4(), uuid4()
    named = note_names([(one, "C: a *story* / “draft”?"), (other, "c a story “draft”")])
    assert named == {one: "C a story “draft”.md", other: f"c a story “draft” ({other}).md"}
    assert readable_stem(" .. ") == "Untitled"
