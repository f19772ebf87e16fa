"""Characters, words, contents lines, fonts and metadata: small pure decisions."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.pdf.characters import clean
from rhizome_pipelines.extraction.pdf.contents import CONTENTS_LINE, is_contents, is_contents_row
from rhizome_pipelines.extraction.pdf.fonts import is_bold, monospaced_advance
from rhizome_pipelines.extraction.pdf.metadata import sensible_author, sensible_title
from rhizome_pipelines.extraction.pdf.words import Vocabulary


def vocabulary(*lines: str) -> Vocabulary:
    words = Vocabulary()
    words.add_lines(lines)
    return words


@given(st.text(st.characters()))
def test_clean_text_has_no_control_characters_and_can_be_stored(text: str) -> None:
    cleaned = clean(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned)
    assert "\ufffe" not in cleaned
    cleaned.encode()
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("eﬃcient ﬂow", "efficient flow"),
        ("co\u00adoperate", "cooperate"),
        ("exam\u0002", "exam\u00ad"),
        ("a\u00a0b\u2003c", "a b c"),
        ("nul\0l \u200bed", "null ed"),
        ("e\u0301", "é"),
        ("\uf0b7 item", "• item"),
    ],
)
def test_clean(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_code_keeps_its_spaces() -> None:
    assert clean("a    b", keep_spaces=True) == "a    b"


@pytest.mark.parametrize(
    ("upper", "lower", "joined"),
    [
        ("for exam-", "ple here", "for example here"),
        ("a well-", "known fact", "a well-known fact"),
        ("the Anglo-", "Saxon one", "the Anglo-Saxon one"),
        ("in UTF-", "8 text", "in UTF-8 text"),
        ("a time\u00ad", "table", "a timetable"),
        ("EXPRESS OR IM-", "PLIED", "EXPRESS OR IMPLIED"),
        ("as he said -", "and left", "as he said - and left"),
        ("two", "words", "two words"),
        ("in /usr/share/doc/", "policy", "in /usr/share/doc/policy"),
        ("see https://example.org/a/", "b", "see https://example.org/a/b"),
        ("and/or/", "not", "and/or/ not"),
        ("a self-", "made man", "a self-made man"),
    ],
)
def test_lines_are_joined(upper: str, lower: str, joined: str) -> None:
    words = vocabulary("It is known well.", "We made it.", "A self-made thing.")
    assert words.join(upper, lower) == joined


def test_an_undivided_word_elsewhere_decides() -> None:
    assert vocabulary("by data base or database").join("the data-", "base") == "the database"
    assert vocabulary("by data base alone").join("the data-", "base") == "the data-base"


def test_halves_of_divided_words_are_not_learnt() -> None:
    words = vocabulary("his data-", "base is an exam-", "ple of base data")
    assert words.join("an exam-", "ple") == "an example"


@given(st.text(), st.text(min_size=1))
def test_the_lower_line_ends_the_joined_text(upper: str, lower: str) -> None:
    assert vocabulary().join(upper, lower).endswith(lower)


@pytest.mark.parametrize(
    "line",
    ["1.2 Scope . . . . . . . 17", "Preface ......... iv", "Scope … 12", "Title ............"],
)
def test_contents_lines(line: str) -> None:
    assert CONTENTS_LINE.match(line)


@pytest.mark.parametrize("line", ["and so on ...", "being started, . . .", "in 17", "wait … what"])
def test_prose_is_no_contents_line(line: str) -> None:
    assert CONTENTS_LINE.match(line) is None


def test_contents_rows_have_a_gap_before_their_page_number() -> None:
    assert is_contents_row(["1.2", "Scope", "17"], gap=200.0, size=10.0)
    assert not is_contents_row(["in the year", "17"], gap=3.0, size=10.0)
    assert not is_contents_row(["Berlin", "12", "17"], gap=200.0, size=10.0)


def test_page_numbers_of_contents_rise() -> None:
    assert is_contents(8, [1, 3, 3, 5, 8, 9, 12])
    assert not is_contents(8, [9, 3, 7, 5, 8, 1, 12])
    assert not is_contents(30, [1, 3, 3, 5, 8, 9, 12])


def test_a_monospaced_line_is_known_by_its_width() -> None:
    code = "PKG_LIBS = -L$(XML_DIR)/lib -lxml2"
    assert monospaced_advance("CMTT10", code, 194.7, 10.9) == pytest.approx(0.525 * 10.9)
    prose = "Makevars.ucrt: this will be used by R CMD build to clean up (a copy of) the package"
    assert monospaced_advance("CMTT10", prose, 431.9, 10.9) is None
    assert monospaced_advance("Times-Roman", code, 194.7, 10.9) is None


def test_bold_fonts() -> None:
    assert is_bold("ABCDEF+FreeSerifBold")
    assert is_bold("CMBX12")
    assert not is_bold("CenturySchL-Roma")


@pytest.mark.parametrize(
    "title", ["untitled", "Microsoft Word - thesis.doc", "report-final.pdf", "  ", "12", None]
)
def test_worthless_titles(title: str | None) -> None:
    assert sensible_title(title) is None


def test_titles_and_authors_worth_keeping() -> None:
    assert sensible_title(" Debian Policy\0 Manual ") == "Debian Policy Manual"
    assert sensible_author("Osamu Aoki") == "Osamu Aoki"
    assert sensible_author("admin") is None
