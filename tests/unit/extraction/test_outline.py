"""The heading scanner against CommonMark's own examples and against itself."""

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rhizome_pipelines.extraction.outline import LINE_LIMIT, plain_title, scan_headings


def headings(text: str) -> list[tuple[int, str, int]]:
    return [(e.level, e.title, e.offset) for e in scan_headings(text.splitlines(keepends=True))]


def titles(text: str) -> list[tuple[int, str]]:
    return [(level, title) for level, title, _ in headings(text)]


def test_atx_headings() -> None:
    text = "# one\n###### six #\n  ## in ##\n####### seven\n#none\n    # code\n#\n\\# no\n#\ttab\n"
    assert titles(text) == [(1, "one"), (6, "six"), (2, "in"), (1, "tab")]


def test_setext_headings() -> None:
    assert titles("one\n===\n\ntwo\nlines\n---\n\n- item\n---\n\n> quote\n---\n\n---\n") == [
        (1, "one"),
        (2, "two lines"),
    ]


def test_code_comes_first() -> None:
    assert titles("```sh\n# no\n~~~\n# no\n```\n# yes\n~~~~\n```\n# no\n~~~\n# no\n~~~~\n") == [
        (1, "yes")
    ]
    assert titles("```\n# an open fence goes on to the end\n") == []
    assert titles("``` not `a` fence\n# yes\n") == [(1, "yes")]


def test_html_comes_first() -> None:
    text = "<pre>\n\n# no\n</pre>\n# yes\n<!-- \n# no\n-->\n<div>\n# no\n\n# too\n</div>\n"
    assert titles(text) == [(1, "yes"), (1, "too")]


def test_offsets_are_code_points() -> None:
    assert headings("🌊🌊\n\n# one\n\ntwo\n===\n") == [(1, "one", 4), (1, "two", 11)]


def test_titles_lose_their_markup() -> None:
    assert plain_title("*a* **b** `c` [d](e) ![f](g) snake_case \\* <b>h</b>") == (
        "a b c d f snake_case * h"
    )


def test_lines_too_long_are_no_headings() -> None:
    line = "# " + "x" * (2 * LINE_LIMIT)
    pieces = [line[i : i + LINE_LIMIT] for i in range(0, len(line), LINE_LIMIT)]
    (only,) = scan_headings([*pieces[:-1], pieces[-1] + "# no\n", "# yes\n"])
    assert only.title == "yes"


LINES = st.sampled_from(
    ["# a", "## b", "text", "more", "===", "---", "```", "~~~", "````", "", "", "    # c", "-", "#"]
)


@given(st.lists(LINES, max_size=14))
def test_agrees_with_a_commonmark_parser(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    tokens = MarkdownIt("commonmark").parse(text)
    expected = [
        (int(token.tag[1]), " ".join(tokens[index + 1].content.split()))
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and tokens[index + 1].content
    ]
    assert titles(text) == expected


@given(st.text(alphabet="#=-`~ \t\n<>!a🌊*_[]()\\", max_size=200))
def test_any_text_is_scanned_in_order(text: str) -> None:
    found = list(scan_headings(text.splitlines(keepends=True)))
    assert [e.offset for e in found] == sorted({e.offset for e in found})
    assert all(1 <= e.level <= 6 and e.title and e.offset < len(text) for e in found)
