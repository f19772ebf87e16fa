"""PDF files, made here, through the whole extractor and its reading process."""

from collections.abc import Sequence
from pathlib import Path

from reportlab.lib import colors, pagesizes
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    PageTemplate,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from rhizome_pipelines.extraction.pdf import PdfConfig, PdfExtractor
from tests.integration.extraction.pdf_files import (
    NUMERALS,
    WIDTH,
    Draw,
    drawn,
    extract,
    lines,
    named,
    numbered,
    quiet,
    source,
    work_all,
)


def test_windows_are_absolute(tmp_path: Path) -> None:
    with PdfExtractor() as extractor:
        units = extractor.units(source(numbered(tmp_path / "a.pdf", 33)))
    assert [(unit.key, unit.label, unit.counters["pages_done"]) for unit in units] == [
        ("pages-000001-000016", "pages 1–16", 16),
        ("pages-000017-000032", "pages 17–32", 32),
        ("pages-000033-000033", "page 33", 33),
    ]
    assert {unit.counters["pages_total"] for unit in units} == {33}


def test_the_process_that_reads_a_window_does_not_matter(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.pdf", 40)
    with PdfExtractor() as extractor:
        parts = [part for _, part in work_all(extractor, path)]
        units = extractor.units(source(path))
    alone = []
    for unit in reversed(units):
        with PdfExtractor() as extractor:
            alone.append(extractor.work(source(path), unit, quiet))
    assert alone[::-1] == parts


def test_pages_begin_where_their_text_is(tmp_path: Path) -> None:
    text, extracted = extract(numbered(tmp_path / "a.pdf", 20))
    assert extracted.page_count == 20
    for start in extracted.pages:
        expected = f"This is the text of page {named(start.page - 1)}."
        assert text[start.offset :].startswith(expected)


def test_a_book_with_outline_headers_and_divided_words(tmp_path: Path) -> None:
    def chapter(number: int, title: str, text: Sequence[str]) -> Draw:
        def draw(sheet: Canvas) -> None:
            sheet.drawString(72, 800, "A Book of Whales" if number % 2 else "Chapter on Animals")
            sheet.drawCentredString(WIDTH / 2, 40, str(number + 4))
            if title:
                sheet.setFont("Times-Bold", 11)
                sheet.drawString(72, 740, title)
                sheet.bookmarkHorizontal(title, 0, 755)
                sheet.addOutlineEntry(title, title, level=0 if number == 1 else 1)
                sheet.setFont("Times-Roman", 11)
            lines(*text)(sheet)

        return draw

    filler = "The whale is a mammal that lives in the sea and breathes the air with lungs"
    pages = [
        chapter(1, "Whales", [filler, "and this is an exam-", "ple of a well-", "known text."]),
        chapter(2, "", [filler + " like"]),
        chapter(3, "", ["other mammals do. It is known well.", filler + "."]),
        chapter(4, "Blue whales", [filler + "."]),
        chapter(5, "", [filler + "."]),
        chapter(6, "", [filler + "."]),
    ]
    text, extracted = extract(drawn(tmp_path / "a.pdf", pages))
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == ["# Whales", "## Blue whales"]
    assert "Book of Whales" not in text
    assert "Animals" not in text
    assert not any(line.strip().isdecimal() for line in text.splitlines())
    assert "an example of a well-known text." in text
    assert "with lungs like other mammals do." in text
    assert extracted.title == "Whales"
    assert extracted.notes == []


def test_headings_without_an_outline_and_a_table(tmp_path: Path) -> None:
    styles = getSampleStyleSheet()
    prose = "Measurements of animals were taken by many people over many years at sea. " * 6
    data = [["Animal", "Length", "Weight"], ["Blue whale", "30 m", "150 t"], ["Orca", "8 m", "6 t"]]
    grid = TableStyle([("GRID", (0, 0), (-1, -1), 1, colors.black)])
    story = [
        Paragraph("Sizes of Animals", styles["Title"]),
        Paragraph("1 Method", styles["Heading1"]),
        Paragraph(prose, styles["BodyText"]),
        Paragraph("1.1 Results", styles["Heading2"]),
        Paragraph(prose, styles["BodyText"]),
        Spacer(1, 12),
        Table(data, style=grid),
        Spacer(1, 12),
        Paragraph(prose, styles["BodyText"]),
    ]
    path = tmp_path / "a.pdf"
    SimpleDocTemplate(str(path), title="Sizes", author="A. Measurer", invariant=1).build(story)
    text, extracted = extract(path)
    assert "# 1 Method\n" in text
    assert "\n## 1.1 Results\n" in text
    assert (
        "| Animal | Length | Weight |\n| --- | --- | --- |\n| Blue whale | 30 m | 150 t |" in text
    )
    assert (extracted.title, extracted.author) == ("Sizes", "A. Measurer")


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [f"left column, sentence {named(n)}," for n in range(30)]
    right = [f"right column, sentence {named(n)}," for n in range(30)]

    def draw(sheet: Canvas) -> None:
        lines(*left)(sheet)
        lines(*right, x=320)(sheet)

    text, _ = extract(drawn(tmp_path / "a.pdf", [draw]))
    assert text.rindex("left column") < text.index("right column")


def test_long_text_in_frames_keeps_every_word_in_order(tmp_path: Path) -> None:
    words = [f"{a}{b}" for a in ("lor", "ips", "dol", "sit", "am") for b in NUMERALS] * 12
    path = tmp_path / "a.pdf"
    document = BaseDocTemplate(str(path), pagesize=pagesizes.A4, invariant=1)
    frames = [Frame(60, 60, 220, 700), Frame(310, 60, 220, 700)]
    document.addPageTemplates(PageTemplate(frames=frames))
    document.build([Paragraph(" ".join(words), getSampleStyleSheet()["BodyText"])])
    assert extract(path)[0].split() == words


def test_dependencies_name_the_libraries_and_settings() -> None:
    dependencies = PdfExtractor().dependencies()
    assert dependencies["liteparse"].startswith("2.18")
    assert dependencies["pypdfium2"]
    assert dependencies["pdf_window"] == "16"
    assert PdfExtractor(PdfConfig(window=8)).dependencies() != dependencies
