"""Repairs of markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.cleaning import clean_markdown, has_page_numbers


def cleaned(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(clean_markdown(lines, page_numbers=has_page_numbers(lines)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an inter-\nnational river\n", "an international\nriver\n"),
        ("a well-\nknown one\n", "a well-known\none\n"),
        ("Rhine-\nDanube\n", "Rhine-\nDanube\n"),
        ("itâ€™s a cafÃ© ðŸŒŠ\n", "it’s a café 🌊\n"),
        ("Ã is a letter\n", "Ã is a letter\n"),
        ("the ﬁrst\u00a0so\u00adft\n", "the first soft\n"),
        ("line   \nnext \n", "line  \nnext\n"),
        ("# a\n\n#### b\n\n##### c\n\n## d\n", "# a\n\n## b\n\n### c\n\n## d\n"),
        ("##Title ##\n\n#tag\n", "## Title ##\n\n#tag\n"),
        ("a<br>b <span class='x'>c</span> <b>d</b>&nbsp;e &lt;f\n", "a  \nb c **d** e &lt;f\n"),
        ("keep `<b>&nbsp;</b>` and ``a ` <i>``\n", "keep `<b>&nbsp;</b>` and ``a ` <i>``\n"),
        ("<ul><li>one</li><li>two</li></ul>\n", "- one\n- two\n"),
        ("Page 3 of 10\n", ""),
        ("\n12\n\n", "\n12\n\n"),
        ("- a-\n- b\n", "- a-\n- b\n"),
    ],
)
def test_repairs(text: str, expected: str) -> None:
    assert cleaned(text) == expected


def test_counted_pages_are_taken_out() -> None:
    assert cleaned("a\n\n12\n\nb\n\n- 13 -\n\nc\n\n14\n").split() == ["a", "b", "c"]


def test_numbers_that_do_not_count_are_text() -> None:
    text = "2850\n\n1230\n\n2650\n\n400\n"
    assert cleaned(text) == text


def test_code_is_never_touched() -> None:
    text = "```\ninter-\nnal <b>x</b> ﬁ\n\n12\n```\n\n    ##x <br> &nbsp; inter-\n    nal\n"
    assert cleaned(text) == text


@given(st.text(alphabet="ab-# \n<>/`&;0\u00a0â€™Ã©ﬁ", max_size=120))
def test_any_text_comes_through(text: str) -> None:
    assert isinstance(cleaned(text), str)
