"""Plain-text books to paragraphs and headings; the rest line by line."""

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.blocks import split_blocks
from rhizome_pipelines.extraction.prose import to_markdown, wrap_width

PARAGRAPH = "Call me Ishmael. Some years ago, never mind how long precisely, I went to sea. " * 4
WRAPPED = textwrap.fill(PARAGRAPH, 72)


def converted(text: str, width: int | None = 72) -> str:
    return "".join(to_markdown(text.splitlines(keepends=True), width))


def test_the_width_of_a_wrapped_book_is_found() -> None:
    width = wrap_width((f"{WRAPPED}\n\n" * 20).splitlines())
    assert width is not None
    assert 65 <= width <= 72


def test_other_texts_have_no_width() -> None:
    verse = "Tyger Tyger, burning bright,\nIn the forests of the night;\n" * 30
    assert wrap_width(verse.splitlines()) is None
    assert wrap_width((f"{PARAGRAPH}\n" * 30).splitlines()) is None
    assert wrap_width(WRAPPED.splitlines()) is None
    assert wrap_width([]) is None


def test_wrapped_lines_become_one_paragraph() -> None:
    assert converted(f"{WRAPPED}\n\n{WRAPPED}\n") == f"{PARAGRAPH.strip()}\n\n{PARAGRAPH.strip()}\n"


def test_hyphens_at_line_ends_stay() -> None:
    line = "x" * 60
    assert converted(f"{line} well-\nknown {line}\n") == f"{line} well-known {line}\n"


def test_what_is_no_prose_is_kept() -> None:
    text = (
        "- one thing that is as long as a line of prose could be, or nearly so\n"
        "- another thing that is as long as a line of prose could be, or so\n\n"
        "    for river in rivers_of_the_world_that_run_to_the_sea_by_themselves:\n"
        "        follow(river)\n\n"
        "Name of the river        its length in kilometres      its mouth or so\n"
        "Danube                   2850                          the Black Sea\n\n"
        "Tyger Tyger, burning bright,\nIn the forests of the night;\n\n"
        "```\n" + WRAPPED + "\n\nCHAPTER I\n\n```\n"
    )
    assert converted(text) == text


def test_chapters_are_headings() -> None:
    text = f"PART ONE\n\nCHAPTER I. Loomings.\n\n{WRAPPED}\n\nCHAPTER II\nThe Bag\n\n{WRAPPED}\n"
    body = PARAGRAPH.strip()
    assert converted(text) == (
        f"# PART ONE\n\n## CHAPTER I. Loomings.\n\n{body}\n\n## CHAPTER II The Bag\n\n{body}\n"
    )


def test_a_table_of_contents_is_no_run_of_headings() -> None:
    text = "CHAPTER I. Loomings.\n\nCHAPTER II. The Bag.\n\nPREFACE\n"
    assert converted(text) == text


def test_numbered_headings_need_prose_below() -> None:
    body = PARAGRAPH.strip()
    assert converted(f"1. Introduction\n\n{body}\n\n1.2 Scope\n\n{body}\n") == (
        f"## 1. Introduction\n\n{body}\n\n### 1.2 Scope\n\n{body}\n"
    )
    assert converted("1. Apples\n\n2. Pears\n\n3. Plums\n") == "1. Apples\n\n2. Pears\n\n3. Plums\n"
    assert converted(f"Part of it is true\n\n{body}\n") == f"Part of it is true\n\n{body}\n"


PIECES = st.lists(st.sampled_from(["a\n", "\n", "```\n", "~~~\n", " b \n", "1. x\n", "PREFACE\n"]))


@given(PIECES)
def test_blocks_joined_are_the_text(pieces: list[str]) -> None:
    assert "".join(map(str, split_blocks(pieces))) == "".join(pieces)


@given(PIECES)
def test_no_word_is_lost(pieces: list[str]) -> None:
    text = "".join(to_markdown(pieces, 72))
    assert text.replace("#", "").split() == "".join(pieces).split()


def test_lines_without_end_are_passed_on() -> None:
    pieces = ["x" * 65_536, "x" * 65_536, "y\n", "z"]
    assert "".join(to_markdown(pieces, 72)) == "x" * 131_072 + "y\nz\n"
