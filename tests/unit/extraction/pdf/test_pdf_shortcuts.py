"""What spares a search of most lines never changes its answer."""

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.pdf import words
from rhizome_pipelines.extraction.pdf.contents import CONTENTS_LINE, is_contents_line

LINES = st.text("aZé1ivx.·… -\u00ad/:w_\n", max_size=40) | st.lists(
    st.sampled_from(["Title", " ", ". ", "....", " … ", "·", "12", "xii", "\n"]), max_size=12
).map("".join)


@given(LINES)
def test_lines_of_contents(line: str) -> None:
    assert is_contents_line(line) == (CONTENTS_LINE.match(line) is not None)


@given(LINES)
def test_divided_words(line: str) -> None:
    found, expected = words._divided_head(line), words.DIVIDED_HEAD.search(line)
    assert (found and found.span()) == (expected and expected.span())


@given(
    LINES
    | st.lists(
        st.sampled_from(["http://", "https://", "www.", "file:/", "/usr", "/", " ", "a-", "?"])
    ).map("".join)
)
def test_broken_paths(line: str) -> None:
    assert words._is_broken_path(line) == (words.BROKEN_PATH.search(line) is not None)
