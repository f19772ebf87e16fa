"""From lines to blocks to markdown, with the offsets of the pages."""

import io
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.extractor import PageStart
from rhizome_pipelines.extraction.pdf.assembly import Assembly
from rhizome_pipelines.extraction.pdf.markdown import escape, escape_start
from rhizome_pipelines.extraction.pdf.outline import bookmarks
from rhizome_pipelines.extraction.pdf.page import Line, Page, Reading, Table, encode_part
from rhizome_pipelines.extraction.pdf.survey import Survey

WIDTH, HEIGHT = 600.0, 800.0
FULL = 460.0


def line(
    text: str,
    y: float,
    x: float = 70.0,
    *,
    width: float = FULL,
    size: float = 10.0,
    advance: float = 0,
) -> Line:
    return Line(text, x, y, width, size, size, advance=advance)


def page(number: int, *content: Line | Table, reading: Reading = Reading.LAYOUT) -> Page:
    return Page(number, WIDTH, HEIGHT, content, reading)


def assembled(
    tmp_path: Path, *pages: Page, outline: list[tuple[int, str, int, float | None]] | None = None
) -> tuple[str, list[PageStart]]:
    assembly = Assembly(Survey(bookmarks(outline or [])), tmp_path)
    assembly.gather(encode_part([one]) for one in pages)
    content = io.StringIO()
    starts = assembly.write(content)
    return content.getvalue(), list(starts)


def test_lines_make_paragraphs_by_gap_and_by_indent(tmp_path: Path) -> None:
    text, _ = assembled(
        tmp_path,
        page(
            1,
            line("The first paragraph has a divi-", 300),
            line("ded word and goes on to the end.", 312),
            line("And on.", 324, width=40),
            line("The second one stands after a gap and", 345),
            line("has a second line. It ends at the margin.", 357),
            line("The third one stands in by some points", 369, x=85, width=445),
            line("and goes on.", 381, width=60),
        ),
    )
    assert text == (
        "The first paragraph has a divided word and goes on to the end. And on.\n\n"
        "The second one stands after a gap and has a second line. It ends at the margin.\n\n"
        "The third one stands in by some points and goes on.\n"
    )


def test_lists_keep_their_nesting_and_numbers(tmp_path: Path) -> None:
    text, _ = assembled(
        tmp_path,
        page(
            1,
            line("• one that goes on", 300, x=80, width=450),
            line("to a second line", 312, x=90, width=80),
            line("– inner", 324, x=100, width=40),
            line("• two", 336, x=80, width=30),
            line("A paragraph.", 360, width=60),
            line("7. seven", 384, x=80, width=40),
            line("8. eight", 396, x=80, width=40),
            line("(a) letter", 420, x=80, width=40),
        ),
    )
    assert text == (
        "- one that goes on to a second line\n  - inner\n- two\n\nA paragraph.\n\n"
        "7. seven\n8. eight\n- (a) letter\n"
    )


def test_code_is_fenced_and_keeps_its_indentation(tmp_path: Path) -> None:
    text, _ = assembled(
        tmp_path,
        page(
            1,
            line("Some prose before it, which is long enough to be most of", 200),
            line("the text and goes on for a line:", 212),
            line("int main()", 240, width=60, advance=6),
            line("{", 252, width=6, advance=6),
            line("return `0`; // *", 264, x=94, width=96, advance=6),
            line("}", 288, width=6, advance=6),
            line("Prose again, and quite a lot of it follows the short code here.", 320),
        ),
    )
    assert "```\nint main()\n{\n    return `0`; // *\n\n}\n```\n\nProse again" in text


def test_markdown_in_the_text_means_itself(tmp_path: Path) -> None:
    text, _ = assembled(
        tmp_path,
        page(1, line("# not a heading, *p and _x_ and a_b <b>", 300), line("3) x | y", 340)),
    )
    assert text == "\\# not a heading, \\*p and \\_x\\_ and a_b \\<b>\n\n- 3) x | y\n".replace(
        "- 3) x", "3) x"
    )


def test_tables_are_pipe_tables(tmp_path: Path) -> None:
    table = Table([["name", "a|b"], ["com- mand", ""]])
    text, _ = assembled(tmp_path, page(1, line("A command follows in the table.", 100), table))
    assert text.endswith("| name | a\\|b |\n| --- | --- |\n| command |  |\n")


def test_a_sentence_goes_on_over_the_page_and_over_a_footnote(tmp_path: Path) -> None:
    text, starts = assembled(
        tmp_path,
        page(
            1,
            line("A sentence that is parted by the end of the page, with its exam-", 600),
            line("1 A footnote in smaller type.", 640, size=7, width=200),
        ),
        page(2),
        page(3, line("ple on the third page. The end is here.", 200), line("New text.", 300)),
    )
    assert text == (
        "A sentence that is parted by the end of the page, with its example on the third page. "
        "The end is here.\n\n1 A footnote in smaller type.\n\nNew text.\n"
    )
    joint = text.index("ple on")
    assert starts == [PageStart(1, 0), PageStart(2, joint), PageStart(3, joint)]


def test_headings_come_from_the_outline(tmp_path: Path) -> None:
    text, starts = assembled(
        tmp_path,
        page(1, line("1 Start", 100, size=16, width=60), line("Text of it.", 140, width=60)),
        page(2, line("1.1 More", 300, size=12, width=60), line("Text of that.", 330, width=60)),
        outline=[(0, "Start", 1, 700.0), (1, "More", 2, 500.0)],
    )
    assert text == "# 1 Start\n\nText of it.\n\n## 1.1 More\n\nText of that.\n"
    assert text[starts[1].offset :].startswith("## 1.1 More")


def test_plain_pages_and_blank_lines(tmp_path: Path) -> None:
    plain = page(
        1,
        Line("one", y=0, height=9.6, size=9.6),
        Line("two", y=12, height=9.6, size=9.6),
        Line("three", y=36, height=9.6, size=9.6),
        reading=Reading.PLAIN,
    )
    assert assembled(tmp_path, plain)[0] == "one two\n\nthree\n"


PRINTABLE = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)
ELEMENT = st.builds(
    line,
    st.lists(PRINTABLE, min_size=1, max_size=4).map(" ".join),
    st.floats(20, 780).map(lambda y: round(y, 1)),
    st.sampled_from([70.0, 85.0, 320.0]),
    width=st.sampled_from([30.0, 200.0, FULL]),
    size=st.sampled_from([7.0, 10.0, 14.0]),
    advance=st.sampled_from([0, 0, 6]),
)
TABLE = st.builds(Table, st.lists(st.tuples(PRINTABLE, PRINTABLE), min_size=2, max_size=3))
CONTENT = st.lists(ELEMENT | TABLE, max_size=8)


@example([[line("İ", 20.0)]])
@given(st.lists(CONTENT, min_size=1, max_size=6))
def test_every_page_begins_once_inside_the_text_and_never_before_the_last(
    contents: list[list[Line | Table]],
) -> None:
    pages = [page(number, *content) for number, content in enumerate(contents, start=1)]
    with tempfile.TemporaryDirectory() as folder:
        text, starts = assembled(Path(folder), *pages)
        again, _ = assembled(Path(folder), *pages)
    assert text == again
    assert [start.page for start in starts] == list(range(1, len(pages) + 1))
    offsets = [start.offset for start in starts]
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= len(text) for offset in offsets)


@given(st.text())
def test_escaping_only_adds_backslashes(text: str) -> None:
    for escaped in (escape(text), escape_start(text)):
        assert escaped.replace("\\", "") == text.replace("\\", "")
