import zipfile
from pathlib import Path

import pytest

from benchmarks.heading_truth import true_headings
from benchmarks.report import between_marks
from benchmarks.spread import percentile, ratio, spread, told


def test_ratios_are_taken_round_by_round() -> None:
    found = ratio([2.0, 9.0, 4.0], [1.0, 3.0, 4.0])
    assert found == {"median": 2.0, "least": 1.0, "most": 3.0, "count": 3}
    assert told(spread([1_200.0, 3.0]), 1, " s") == "601.5 s (3.0–1,200.0)"


def test_percentiles_are_measured_values() -> None:
    values = [float(number) for number in range(20, 0, -1)]
    assert percentile(values, 0.5) == 10
    assert percentile(values, 0.95) == 19
    assert percentile([7.0], 0.95) == 7


def test_tables_replace_what_stands_between_their_marks() -> None:
    text = "a\n<!-- x -->\nold \\1\n<!-- /x -->\nb"
    assert between_marks(text, "x", r"new \1") == "a\n<!-- x -->\nnew \\1\n<!-- /x -->\nb"
    with pytest.raises(ValueError, match="once"):
        between_marks(text, "y", "new")


def test_levels_are_those_of_the_numbers() -> None:
    assert _page("<h1>Chapter 3. Tools</h1><h1>3.1. Mail</h1><h4>Hint</h4>") == [
        (1, "Chapter 3. Tools"),
        (2, "3.1. Mail"),
        (4, "Hint"),
    ]


def test_headings_of_boxes_and_footnotes_are_not_the_texts() -> None:
    page = (
        '<div class="note"><h3>Note</h3></div><div class="footnote"><h5>(1)</h5></div>'
        '<h2 class="contents-heading">Contents</h2><h2>One &amp; <code>two</code>¶</h2><h2> </h2>'
    )
    assert _page(page) == [(2, "One & two")]


def test_a_book_is_read_along_its_spine(tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="text/book.opf"/></rootfiles></container>',
        )
        book.writestr(
            "text/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
            '<item id="a" href="a.html"/><item id="b" href="b.html"/><item id="n" href="nav.html"/>'
            '</manifest><spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/></spine>'
            "</package>",
        )
        for name in "ab":
            book.writestr(f"text/{name}.html", f"<html><h1>{name}</h1></html>")
        book.writestr("text/nav.html", "<html><h1>Contents</h1></html>")
    assert true_headings(path) == [(1, "b"), (1, "a")]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _page(body: str) -> list[tuple[int, str]]:
    path = Path("page.html")
    path.write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    return true_headings(path)
