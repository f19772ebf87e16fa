"""Headings are those of CommonMark; what only looks like one is none."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rhizome_pipelines.markdown.headings import (
    LINE_LIMIT,
    MAX_NESTING,
    Heading,
    HeadingScanner,
    scan_headings,
)
from rhizome_pipelines.markdown.titles import MAX_TITLE, plain_title


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def scanned(text: str) -> list[Heading]:
    return list(scan_headings(text.splitlines(keepends=True)))


def titles(text: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in scanned(text)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# One", [(1, "One")]),
        ("###### Six ##", [(6, "Six")]),
        ("   ## Indented", [(2, "Indented")]),
        ("#\tTab", [(1, "Tab")]),
        ("## C#", [(2, "C#")]),
        ("# Windows\r\n", [(1, "Windows")]),
        ("####### seven", []),
        ("#hashtag", []),
        ("    # code", []),
        ("\\# escaped", []),
        ("#", []),
        ("## ##", []),
        ("> # quoted", []),
        ("- # in a list", []),
        ("- a\n\n  # in its second paragraph", []),
        ("- a\n# below", [(1, "below")]),
        ("> a\n# below", [(1, "below")]),
        ("# " + "x" * 2_000, [(1, "x" * MAX_TITLE)]),
    ],
)
def test_atx(line: str, expected: list[tuple[int, str]]) -> None:
    assert titles(line) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("Title\n=====\n", [(1, "Title")]),
        ("Two\nlines\n---\n", [(2, "Two lines")]),
        ("a\nb\nc\nd\ne\n---\n", [(2, "a b c d e")]),
        ("text\n\n---\n", []),
        ("> quote\n---\n", []),
        ("> quote\ngoes on\n---\n", []),
        ("- item\n---\n", []),
        ("- item\n\n  second\n  ---\n", []),
        ("- item\n\noutside\n---\n", [(2, "outside")]),
        ("***\n---\n", []),
        ("| no | table |\n---\n", [(2, "| no | table |")]),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n---\n", []),
        ("a | b\n--|--\n1 | 2\n===\n", []),
        ("| a \\| b |\n|---|\n---\n", []),
        ("| a |\n---\nrow\n===\n", []),
        ("| a |\n|---|\n# in no table\n", [(1, "in no table")]),
    ],
)
def test_setext(markdown: str, expected: list[tuple[int, str]]) -> None:
    assert titles(markdown) == expected


@pytest.mark.parametrize(
    "definition",
    ["[a]: /b\n", "[a]: <b c> 'd'\n", "[a]:\n/b\n(title)\n", "[a]: /b\n[c]: /d\n", "  [a]: /b\n"],
)
def test_link_definitions_are_no_title(definition: str) -> None:
    assert scanned(f"{definition}---\n") == []
    assert titles(f"{definition}===\nunder\n---\n") == [(2, "=== under")]
    [heading] = scanned(f"{definition}Title\n---\n")
    assert heading == Heading(2, "Title", len(definition), len(definition) + 10)


@pytest.mark.parametrize("text", ["[a] b", "[a]:", "[ ]: /b", "[a]: /b c", '[a]: /b "c" d'])
def test_what_only_looks_like_a_definition_is_a_title(text: str) -> None:
    assert titles(f"{text}\n---\n") == [(2, plain_title(text))]


@pytest.mark.parametrize(
    "code",
    [
        "```python\n# comment\n```\n",
        "~~~\n# comment\n```\n# still\n~~~\n",
        "````\n```\n# comment\n````\n",
        "```\n# comment\n    ```\n# still\n```\n",
        "- item\n\n  ```sh\n  # comment\n  ```\n",
        "> ```\n> # comment\n",
        "<!--\n\n# comment\n-->\n",
        "<pre>\n\n# comment\n</PRE>\n",
        "<?php\n\n# comment\n?>\n",
        "<![CDATA[\n\n# comment\n]]>\n",
        "<div class='a'>\n# comment\n\n",
        "<a id='b'>\n# comment\n\n",
    ],
)
def test_nothing_inside_code_is_a_heading(code: str) -> None:
    assert titles(f"# Before\n{code}# After\n") == [(1, "Before"), (1, "After")]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("```\n# never closed\n", []),
        ("1. ```sh\n# outside the item\n", [(1, "outside the item")]),
        ("- ```\n  # no\n\n# Yes\n", [(1, "Yes")]),
        ("```not a fence``` here\n# Yes\n", [(1, "Yes")]),
        ("text\n\n    ```\n\n# Yes\n", [(1, "Yes")]),
        ("text\n<b>\n# Yes\n", [(1, "Yes")]),
        ("<b>in a paragraph</b>\n# Yes\n", [(1, "Yes")]),
    ],
)
def test_where_code_begins_and_ends(markdown: str, expected: list[tuple[int, str]]) -> None:
    assert titles(markdown) == expected


def test_it_is_known_whether_the_next_line_is_code() -> None:
    scanner = HeadingScanner()
    seen = []
    for line in ["text\n", "```\n", "\n", "```\n", "<div>\n", "\n", "> ~~~\n", "\n"]:
        scanner.feed(line)
        seen.append(scanner.in_code)
    assert seen == [False, True, True, False, True, False, True, False]


def test_offsets_are_code_points() -> None:
    assert scanned("🌊🌊\n\n# one\n\n two\n===\nend") == [
        Heading(1, "one", 4, 10),
        Heading(1, "two", 11, 20),
    ]


def test_text_that_is_passed_over_counts() -> None:
    scanner = HeadingScanner()
    scanner.skip("---\n")
    assert scanner.feed("# one\n") == Heading(1, "one", 4, 10)


@pytest.mark.parametrize("begin", ["# ", "", "- "])
@pytest.mark.parametrize("end", ["\n", "# no\n", "\n===\n"])
def test_lines_too_long_are_no_headings(begin: str, end: str) -> None:
    text = begin + "x" * (2 * LINE_LIMIT) + end
    pieces = [text[i : i + LINE_LIMIT] for i in range(0, 2 * LINE_LIMIT, LINE_LIMIT)]
    rest = text[2 * LINE_LIMIT :].splitlines(keepends=True)
    [only] = scan_headings([*pieces, *rest, "\n", "# yes\n"])
    assert only == Heading(1, "yes", len(text) + 1, len(text) + 7)


def test_raw_html_ends_within_a_line_of_any_length() -> None:
    text = "<!--" + "x" * (LINE_LIMIT - 4)
    assert [h.title for h in scan_headings([text, "-->\n", "# yes\n"])] == ["yes"]


def test_a_paragraph_too_long_is_no_heading() -> None:
    assert titles("word " * 20 + "\n" + ("x" * 99 + "\n") * (LINE_LIMIT // 100) + "---\n") == []


def test_what_is_nested_too_deep_is_text() -> None:
    assert titles(">" * 5 * MAX_NESTING + " a\n\n# yes\n") == [(1, "yes")]
    assert titles("- " * 5 * MAX_NESTING + "a\n\n# yes\n") == [(1, "yes")]


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("*a* **b** `c` [d](e) ![f](g) \\* <b>h</b>", "a b c d f * h"),
        ("**Bold** and `code` of [a link](http://x) {#id}", "Bold and code of a link"),
        ("snake_case _emphasis_", "snake_case emphasis"),
        ("two\n lines", "two lines"),
        ("x" * 9_999, "x" * MAX_TITLE),
    ],
)
def test_titles_lose_their_markup(markdown: str, title: str) -> None:
    assert plain_title(markdown) == title


PARSER = MarkdownIt("commonmark").enable("table")
LINES = st.sampled_from(
    lines_of("# a\n## b ##\n#\n  # c\n    # d\n# e #\ntext\nmore\n===\n---\n--\n-\n  ---\n  ===")
    + lines_of("```\n~~~\n````\n  ```\n- ```\n> ```\n<div>\n</div>\n<!-- a\n-->\n<pre>\n</pre>")
    + lines_of("<a b='c'>\n<b>d</b>\n<?\n?>\n- i\n- # i\n* j\n1. k\n2. l\n+\n  sub\n    sub\n\tsub")
    + lines_of("> q\n> # q\n>\n> - q\n* * *\n| a | b |\n| a |\na|b\n|---|---|\n-|-\n:-\n\u00a0")
    + ["", "", "", "  "]
)


@given(st.lists(LINES, max_size=14))
@example(["\u00a0", "</pre>", "==="])
def test_agrees_with_a_commonmark_parser(lines: list[str]) -> None:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    tokens = PARSER.parse("".join(f"{line}\n" for line in lines))
    expected = [
        Heading(int(token.tag[1]), title, *(starts[line] for line in token.map or ()))
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
        if (title := plain_title(tokens[index + 1].content))
    ]
    assert list(scan_headings(f"{line}\n" for line in lines)) == expected


@given(st.text(alphabet="#=-`~ \t\n<>!a🌊*_[]()\\:|'\"1.", max_size=200))
def test_any_text_is_scanned_in_order(text: str) -> None:
    found = scanned(text)
    places = [place for heading in found for place in (heading.start, heading.end)]
    assert places == sorted(places)
    assert all(1 <= h.level <= 6 and h.title and h.start < h.end <= len(text) for h in found)
