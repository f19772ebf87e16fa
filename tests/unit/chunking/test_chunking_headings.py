"""Headings are those of CommonMark; what only looks like one is none."""

import pytest

from rhizome_pipelines.chunking.headings import HeadingScanner, plain_title


def headings(markdown: str) -> list[tuple[int, str]]:
    scanner = HeadingScanner()
    found = (scanner.feed(line) for line in markdown.splitlines(keepends=True))
    return [(heading.level, heading.title) for heading in found if heading]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# One", [(1, "One")]),
        ("###### Six ##", [(6, "Six")]),
        ("   ## Indented", [(2, "Indented")]),
        ("#\tTab", [(1, "Tab")]),
        ("## C#", [(2, "C#")]),
        ("####### seven", []),
        ("#hashtag", []),
        ("    # code", []),
        ("\\# escaped", []),
        ("#", []),
        ("> # quoted", []),
        ("- # in a list", []),
        ("# " + "x" * 2_000, []),
    ],
)
def test_atx(line: str, expected: list[tuple[int, str]]) -> None:
    assert headings(line) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("Title\n=====\n", [(1, "Title")]),
        ("Two\nlines\n---\n", [(2, "Two lines")]),
        ("text\n\n---\n", []),
        ("> quote\n---\n", []),
        ("- item\n---\n", []),
        ("| a | b |\n---\n", []),
        ("a\nb\nc\nd\ne\n---\n", []),
        ("***\n---\n", []),
    ],
)
def test_setext(markdown: str, expected: list[tuple[int, str]]) -> None:
    assert headings(markdown) == expected


@pytest.mark.parametrize(
    "code",
    [
        "```python\n# comment\n```\n",
        "~~~\n# comment\n```\n# still\n~~~\n",
        "````\n```\n# comment\n````\n",
        "- item\n\n  ```sh\n  # comment\n  ```\n",
        "1. ```sh\n# outside the item\n",
        "<!--\n# comment\n-->\n",
        "<pre>\n# comment\n</pre>\n",
        "```\n# never closed\n",
    ],
)
def test_nothing_inside_code_is_a_heading(code: str) -> None:
    inside = [title for _, title in headings(code)]
    assert inside in ([], ["outside the item"])


def test_a_fence_ends_and_headings_go_on() -> None:
    assert headings("# A\n```\n# no\n```\n# B\n") == [(1, "A"), (1, "B")]


def test_a_fence_ends_with_the_list_item_that_holds_it() -> None:
    assert headings("- ```\n  # no\n\n# Yes\n") == [(1, "Yes")]


def test_backticks_in_a_line_open_no_fence() -> None:
    assert headings("```not a fence``` here\n# Yes\n") == [(1, "Yes")]


def test_an_indented_fence_outside_a_list_is_literal() -> None:
    assert headings("text\n\n    ```\n\n# Yes\n") == [(1, "Yes")]


def test_titles_are_plain() -> None:
    assert plain_title("**Bold** and `code` of [a link](http://x) {#id}") == (
        "Bold and code of a link"
    )
    assert plain_title("snake_case _emphasis_") == "snake_case emphasis"
