"""From text items to lines, and what of a page is furniture or heading."""

from typing import Any

from rhizome_pipelines.extraction.pdf.furniture import Edges, edges_of, furniture_of
from rhizome_pipelines.extraction.pdf.headings import plausible_headings
from rhizome_pipelines.extraction.pdf.layout import page_from_raw
from rhizome_pipelines.extraction.pdf.outline import bookmarks, is_trusted, match_page
from rhizome_pipelines.extraction.pdf.page import (
    Heading,
    Line,
    Page,
    Reading,
    Table,
    decode_part,
    encode_part,
)

WIDTH, HEIGHT = 600.0, 800.0


def item(text: str, x: float, y: float, size: float = 10.0, font: str = "Times") -> list[Any]:
    return [text, x, y, 4.5 * len(text), size, font, size, 0.0]


def raw(items: list[list[Any]], blocks: list[dict[str, Any]], page: int = 1) -> dict[str, Any]:
    return {"page": page, "width": WIDTH, "height": HEIGHT, "items": items, "blocks": blocks}


def block(kind: str, box: list[float], **more: Any) -> dict[str, Any]:
    return {"kind": kind, "box": box, "level": None, **more}


def texts(page: Page) -> list[str]:
    return [line.text for line in page.lines]


def line(text: str, y: float, size: float = 10.0, **more: Any) -> Line:
    return Line(text, x=70, y=y, width=4.5 * len(text), height=size, size=size, **more)


def test_columns_are_read_one_after_the_other() -> None:
    items = [item("left 1", 70, 100), item("right 1", 320, 100), item("left 2", 70, 112)]
    items.append(item("right 2", 320, 112))
    columns = [
        block("paragraph", [70, 100, 230, 30]),
        block("paragraph", [320, 100, 230, 30]),
    ]
    assert texts(page_from_raw(raw(items, columns))) == ["left 1", "left 2", "right 1", "right 2"]


def test_a_table_replaces_its_lines() -> None:
    items = [item("name", 70, 100), item("size", 200, 100), item("x", 70, 112), item("7", 200, 112)]
    table = block("table", [70, 98, 200, 30], header=["name", "size"], rows=[["x", "7"]])
    page = page_from_raw(raw(items, [table]))
    assert page.content == (Table((("name", "size"), ("x", "7")), y=98, height=30),)


def test_a_table_that_cuts_through_text_is_none() -> None:
    items = [item("3.2", 70, 100), item("mc", 100, 100), item("The mc command offers", 70, 112)]
    items += [item("easy ways to manage files", 70, 124)]
    rows = [["The mc", "command offers"], ["easy", "ways to manage files"]]
    table = block("table", [70, 98, 300, 40], header=["3.2", "mc"], rows=rows)
    page = page_from_raw(raw(items, [table]))
    assert texts(page) == ["3.2 mc", "The mc command offers", "easy ways to manage files"]


def test_text_outside_of_all_regions_is_kept_in_its_place() -> None:
    items = [item("head", 70, 40), item("body", 70, 100), item("foot", 70, 780)]
    page = page_from_raw(raw(items, [block("paragraph", [70, 98, 100, 14])]))
    assert texts(page) == ["head", "body", "foot"]


def test_rows_with_page_numbers_become_contents() -> None:
    items = []
    for number in range(10):
        items += [
            item(f"1.{number} Title", 70, 100 + 12 * number),
            item(str(number + 3), 530, 100 + 12 * number),
        ]
    page = page_from_raw(raw(items, [block("paragraph", [70, 90, 500, 200])]))
    assert texts(page)[2] == "1.2 Title … 5"


def test_a_page_is_the_same_after_the_part() -> None:
    page = Page(
        7,
        WIDTH,
        HEIGHT,
        (line("text ✓", 100.0, bold=True, advance=6.0, heading=2), Table([["a", "b"], ["c", ""]])),
        Reading.LAYOUT,
    )
    [decoded] = decode_part(encode_part([page]))
    assert encode_part([decoded]) == encode_part([page])
    assert decoded.content[0] == page.content[0]


def test_pages_that_were_not_laid_out() -> None:
    plain = page_from_raw({"page": 3, "width": 1.0, "height": 2.0, "text": "one\r\n\r\ntwo\0"})
    assert (plain.reading, texts(plain)) == (Reading.PLAIN, ["one", "two"])
    assert page_from_raw({"page": 3}).reading is Reading.FAILED


def body(number: int, *edge: Line) -> Page:
    words = [f"{chr(97 + number)}{chr(97 + n // 26)}{chr(97 + n % 26)} and more" for n in range(50)]
    lines = [line(text, 90 + 12 * n) for n, text in enumerate(words)]
    return Page(number, WIDTH, HEIGHT, (*edge, *lines))


def removed(pages: list[Page]) -> list[list[str]]:
    edges = [edges_of(page) for page in pages]
    return [
        [page.content[index].text for index in sorted(furniture_of(page, edges))]  # type: ignore[union-attr]
        for page in pages
    ]


def test_running_headers_and_page_numbers_are_furniture() -> None:
    pages = [
        body(
            n,
            line("The Manual", 40),
            line(f"Chapter {n // 4}: On words", 40 if n % 2 else 52),
            line(str(n + 7), 770),
        )
        for n in range(1, 9)
    ]
    assert removed(pages) == [[i.text for i in page.content[:3]] for page in pages]  # type: ignore[union-attr]


def test_headers_of_odd_and_even_pages_and_roman_numbers() -> None:
    roman = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"]
    pages = [
        body(n, line("Author" if n % 2 else "Title of it", 40), line(roman[n - 1], 770))
        for n in range(1, 9)
    ]
    assert all(len(found) == 2 for found in removed(pages))


def test_a_header_that_changes_with_each_section_is_known_by_its_page_number() -> None:
    names = ["Whales", "Sharks", "Rays", "Eels", "Crabs", "Corals"]
    pages = [body(n, line(f"1.{n}. {name} {n + 20}", 40)) for n, name in enumerate(names, start=1)]
    assert all(len(found) == 1 for found in removed(pages))


def test_the_first_lines_of_text_are_no_furniture() -> None:
    assert removed([body(n) for n in range(1, 20)]) == [[] for _ in range(1, 20)]


def test_titles_of_slides_are_no_furniture() -> None:
    titles = ["Whales", "Sharks", "Rays", "Eels", "Crabs", "Corals"]
    pages = [body(n, line(title, 40, size=28)) for n, title in enumerate(titles, start=1)]
    assert removed(pages) == [[] for _ in titles]


def test_figures_of_a_table_at_the_edge_are_no_page_numbers() -> None:
    pages = [body(n, line(str(n * n * 3), 40)) for n in range(1, 9)]
    assert removed(pages) == [[] for _ in pages]


def test_plain_pages_have_no_edges() -> None:
    assert edges_of(Page(1, 1.0, 1.0, (line("x", 0.0),), Reading.PLAIN)) == Edges((), ())


def test_bookmarks_are_found_with_and_without_numbers_and_over_lines() -> None:
    page = Page(
        4,
        WIDTH,
        HEIGHT,
        (
            line("Scope … 4", 80),
            line("scope", 100),
            line("2.1 Scope", 120, size=14),
            line("Package maintainer scripts and installa-", 200, size=14),
            line("tion procedure", 216, size=14),
            line("mean Arithmetic Mean", 300),
        ),
    )
    entries = bookmarks(
        [
            (0, "Scope", 4, None),
            (0, "Package Maintainer Scripts and Installation Procedure", 4, 600.0),
            (1, "mean", 4, 505.0),
            (1, "missing", 4, None),
            (1, "…", 4, None),
        ]
    )[4]
    headings, missing = match_page(page, entries)
    assert headings == {
        2: Heading(1, 2),
        3: Heading(1, 3),
        4: Heading(1, 3),
        5: Heading(2, 5),
    }
    assert [entry.title for entry in missing] == ["missing"]


def test_an_outline_is_trusted_if_it_covers_the_document_and_is_found() -> None:
    assert is_trusted(entries=40, found=38, pages=200)
    assert not is_trusted(entries=3, found=3, pages=200)
    assert not is_trusted(entries=40, found=5, pages=200)
    assert not is_trusted(entries=0, found=0, pages=1)


def test_hints_on_headings_must_look_like_one() -> None:
    page = Page(
        1,
        WIDTH,
        HEIGHT,
        (
            line("A large title that was", 50, size=18, heading=1),
            line("broken in two", 70, size=18),
            line("1.2 Purpose", 100, heading=3),
            line("just a plain line", 130, heading=3),
            line("note the following:", 160, bold=True, heading=3),
            line("Scope ........ 7", 190, size=14, heading=2),
            line("42", 220, size=14, heading=2),
        ),
    )
    assert list(plausible_headings(page, body_size=10.0)) == [(0, 0), (1, 0), (2, 2)]
