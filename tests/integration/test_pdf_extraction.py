"""PDF files, made here, through the whole extractor and its reading process."""

import io
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from reportlab.lib import colors, pagesizes, pdfencrypt
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

from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.pdf import PdfConfig, PdfExtractor
from rhizome_pipelines.extraction.pdf.reader import Reader
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError, RhizomeError
from rhizome_pipelines.stages.stage import Unit

WIDTH, HEIGHT = pagesizes.A4
DOCUMENT = UUID(int=1)
Draw = Callable[[Canvas], None]


def source(path: Path, title: str | None = None) -> Source:
    return Source(DOCUMENT, SourceType.PDF, path=path, title=title)


def quiet(_fraction: float, _details: str) -> None:
    pass


def work_all(extractor: PdfExtractor, path: Path) -> list[tuple[Unit, bytes]]:
    return [
        (unit, extractor.work(source(path), unit, quiet)) for unit in extractor.units(source(path))
    ]


def extract(path: Path, extractor: PdfExtractor | None = None) -> tuple[str, Extracted]:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    with extractor or PdfExtractor() as one:
        parts = work_all(one, path)
        content = io.StringIO()
        extracted = one.assemble(source(path), iter(parts), content, scratch)
    return content.getvalue(), extracted


def drawn(path: Path, pages: Sequence[Draw], **canvas: object) -> Path:
    sheet = Canvas(str(path), pagesize=pagesizes.A4, invariant=1, **canvas)
    for draw in pages:
        sheet.setFont("Times-Roman", 11)
        draw(sheet)
        sheet.showPage()
    sheet.save()
    return path


def lines(*texts: str, top: float = 700, x: float = 72) -> Draw:
    def draw(sheet: Canvas) -> None:
        for number, text in enumerate(texts):
            sheet.drawString(x, top - 14 * number, text)

    return draw


NUMERALS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def named(number: int) -> str:
    return " ".join(NUMERALS[int(digit)] for digit in str(number))


def numbered(path: Path, count: int) -> Path:
    """A PDF whose page n says in words that it is page n."""
    return drawn(path, [lines(f"This is the text of page {named(n)}.") for n in range(count)])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return numbered(tmp_path / "small.pdf", 3)


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is an HTML page"),
        (b"\xef\xbb\xbf \n<html lang='en'>", "is an HTML page"),
        (b"PK\x03\x04 and so on", "is a ZIP archive"),
        (b"just some text", "is not a PDF"),
        (bytes(4096), "only zero bytes"),
        (b"%PDF-1.7\nnothing else", "damaged or incomplete"),
    ],
)
def test_what_is_no_pdf_is_refused_with_advice(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(content)
    with PdfExtractor() as extractor, pytest.raises(InvalidInputError, match=message):
        extractor.units(source(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with PdfExtractor() as extractor:
        with pytest.raises(InvalidInputError, match="does not exist"):
            extractor.units(source(tmp_path / "none.pdf"))
        with pytest.raises(InvalidInputError, match="has no PDF file"):
            extractor.units(Source(DOCUMENT, SourceType.PDF))


def test_a_password_is_named_as_the_reason(tmp_path: Path) -> None:
    secret = pdfencrypt.StandardEncryption("user", "owner", strength=128)
    path = drawn(tmp_path / "a.pdf", [lines("secret")], encrypt=secret)
    with PdfExtractor() as extractor, pytest.raises(InvalidInputError) as caught:
        extractor.units(source(path, "My Secrets"))
    assert caught.value.message == (
        "The PDF “My Secrets” is protected by a password; remove the protection and try again."
    )


def test_an_owner_password_alone_does_not_matter(tmp_path: Path) -> None:
    restricted = pdfencrypt.StandardEncryption("", "owner", canCopy=0, strength=128)
    path = drawn(tmp_path / "a.pdf", [lines("Open to all readers.")], encrypt=restricted)
    assert extract(path)[0] == "Open to all readers.\n"


def test_a_scan_needs_text_recognition(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.pdf", [lambda sheet: sheet.rect(72, 72, 400, 600, fill=1)] * 2)
    with pytest.raises(InvalidInputError, match=r"no text layer.*OCR"):
        extract(path)


def test_mostly_blank_pages_are_noted(tmp_path: Path) -> None:
    pages = [lines("Only this page has text."), lines(), lines(), lines()]
    text, extracted = extract(drawn(tmp_path / "a.pdf", pages))
    assert text == "Only this page has text.\n"
    assert [start.offset for start in extracted.pages] == [
        0,
        len(text) - 1,
        len(text) - 1,
        len(text) - 1,
    ]
    assert "3 of 4 pages have no text" in extracted.notes[0]


def test_more_pages_than_the_limit(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.pdf", 5)
    with (
        PdfExtractor(PdfConfig(max_pages=4)) as extractor,
        pytest.raises(InvalidInputError, match="5 pages, more than the limit of 4"),
    ):
        extractor.units(source(path))


def test_a_faked_page_count_is_refused_or_survived(small: Path) -> None:
    content = small.read_bytes()
    assert b"/Count 3" in content
    small.write_bytes(content.replace(b"/Count 3", b"/Count 999999999"))
    assert "page three" in extract(small)[0]
    small.write_bytes(content.replace(b"/Count 3", b"/Count 7"))
    text, extracted = extract(small)
    assert "page one" in text
    assert extracted.page_count == 7
    assert extracted.notes[0] == "Pages 4–7 could not be read and left out."


def test_no_pages_at_all(small: Path) -> None:
    content, replaced = re.subn(rb"/Kids \[[^\]]*\]", b"/Kids [ ]", small.read_bytes())
    assert replaced == 1
    small.write_bytes(content.replace(b"/Count 3", b"/Count 0"))
    with (
        PdfExtractor() as extractor,
        pytest.raises(InvalidInputError, match="hand in the complete"),
    ):
        extractor.units(source(small))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_end_in_text_or_in_a_sentence(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = numbered(tmp_path / "a.pdf", 4)
    content = bytearray(path.read_bytes())
    if seed % 2:
        content = content[: dice.randrange(1, len(content))]
    else:
        for _ in range(dice.choice([1, 10, 100, 1000])):
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)
    config = PdfConfig(window_timeout=20, page_timeout=10, open_timeout=20, max_pages=100)
    try:
        text, extracted = extract(path, PdfExtractor(config))
    except RhizomeError as error:
        assert error.message.endswith((".", "again."))
    else:
        assert text.strip()
        assert extracted.page_count == len(extracted.pages)


FAULTY = """
import os, runpy, sys, time
program = runpy.run_path({program!r}, run_name="reader")
operations = program["OPERATIONS"]
parse, plain = operations["parse"], operations["plain"]

def faulty_parse(request):
    if request["first"] <= 2 <= request["last"]:
        {fault}
    return parse(request)

def faulty_plain(request):
    if {plain_fails}:
        {fault}
    return plain(request)

operations.update(parse=faulty_parse, plain=faulty_plain)
program["main"]()
"""
FAULTS = {
    "crash": "os.abort()",
    "exit": "os._exit(3)",
    "memory": "x = [bytearray(1 << 28) for _ in range(64)]",
    "hang": "time.sleep(3600)",
    "error": "raise RuntimeError('bad page')",
}


def faulty(tmp_path: Path, fault: str, *, plain_fails: bool) -> PdfExtractor:
    import rhizome_pipelines.extraction.pdf.reader as module

    program = tmp_path / "faulty.py"
    program.write_text(
        FAULTY.format(program=str(module.PROGRAM), fault=FAULTS[fault], plain_fails=plain_fails)
    )
    config = PdfConfig(window_timeout=1.5, page_timeout=1.5)
    return PdfExtractor(config, Reader(config, program))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_that_kills_the_reader_is_read_as_plain_text(
    tmp_path: Path, small: Path, fault: str
) -> None:
    text, extracted = extract(small, faulty(tmp_path, fault, plain_fails=False))
    assert [f"page {name}" in text for name in NUMERALS[:3]] == [True, True, True]
    assert extracted.notes == ["Page 2 could only be read as plain text, without layout."]


def test_a_page_that_cannot_be_read_at_all_is_left_out_with_a_note(
    tmp_path: Path, small: Path
) -> None:
    text, extracted = extract(small, faulty(tmp_path, "crash", plain_fails=True))
    assert [f"page {name}" in text for name in NUMERALS[:3]] == [True, False, True]
    assert extracted.notes == ["Page 2 could not be read and left out."]
    assert extracted.page_count == 3


def test_a_document_fails_only_if_no_page_can_be_read(tmp_path: Path) -> None:
    class Program:
        body = "raise RuntimeError('bad page')"

    path = numbered(tmp_path / "a.pdf", 3)
    program = tmp_path / "faulty.py"
    import rhizome_pipelines.extraction.pdf.reader as module

    program.write_text(
        FAULTY.replace('request["first"] <= 2 <= request["last"]', "True").format(
            program=str(module.PROGRAM), fault=Program.body, plain_fails=True
        )
    )
    with pytest.raises(PermanentError, match="No page of the PDF"):
        extract(path, PdfExtractor(PdfConfig(), Reader(PdfConfig(), program)))


def test_too_many_hanging_pages_end_the_work(tmp_path: Path, small: Path) -> None:
    import rhizome_pipelines.extraction.pdf.reader as module

    program = tmp_path / "faulty.py"
    program.write_text(
        FAULTY.format(program=str(module.PROGRAM), fault=FAULTS["hang"], plain_fails=True)
    )
    config = PdfConfig(window_timeout=0.5, page_timeout=0.5, max_timeouts=2)
    with pytest.raises(PermanentError, match="in reasonable time"):
        extract(small, PdfExtractor(config, Reader(config, program)))


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader(PdfConfig()) as one:
        yield one


def test_a_reader_killed_from_outside_is_replaced(small: Path, reader: Reader) -> None:
    extractor = PdfExtractor(reader=reader)
    [unit] = extractor.units(source(small))
    expected = extractor.work(source(small), unit, quiet)
    for sent in (signal.SIGKILL, signal.SIGSEGV):
        assert reader.pid is not None
        os.kill(reader.pid, sent)
        assert extractor.work(source(small), unit, quiet) == expected


def test_the_reader_lives_over_windows_and_ends_with_close(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.pdf", 40)
    reader = Reader(PdfConfig())
    extractor = PdfExtractor(reader=reader)
    work_all(extractor, path)
    first = reader.pid
    work_all(extractor, path)
    assert reader.pid == first is not None
    extractor.close()
    assert reader.pid is None
    assert not psutil.pid_exists(first)


def test_the_reader_ends_with_its_handle(small: Path) -> None:
    reader = Reader(PdfConfig())
    reader.ask("count", 30, path=str(small))
    pid = reader.pid
    assert pid is not None
    del reader
    assert not psutil.pid_exists(pid)


def test_the_reader_is_replaced_when_it_has_grown(small: Path) -> None:
    with Reader(PdfConfig(resident_limit=1)) as reader:
        assert reader.ask("count", 30, path=str(small)) == {"pages": 3}
        assert reader.pid is None
        assert reader.ask("count", 30, path=str(small)) == {"pages": 3}


def test_the_reader_gets_no_secrets(
    small: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    reader.ask("count", 30, path=str(small))
    assert reader.pid is not None
    assert "DATABASE_PASSWORD" not in psutil.Process(reader.pid).environ()


def test_the_reader_cannot_outlive_its_parent(small: Path, tmp_path: Path) -> None:
    code = (
        "import sys, time; from rhizome_pipelines.extraction.pdf.reader import Reader;"
        "from rhizome_pipelines.extraction.pdf import PdfConfig;"
        f"r = Reader(PdfConfig()); r.ask('count', 30, path={str(small)!r});"
        "print(r.pid, flush=True); time.sleep(60)"
    )
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_waiting_reader_can_be_used_from_other_threads(small: Path, reader: Reader) -> None:
    answers = []

    def ask() -> None:
        answers.append(reader.ask("count", 30, path=str(small)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0)
    for thread in threads:
        thread.join()
    assert answers == [{"pages": 3}] * 4


def test_dependencies_name_the_libraries_and_settings() -> None:
    dependencies = PdfExtractor().dependencies()
    assert dependencies["liteparse"].startswith("2.18")
    assert dependencies["pypdfium2"]
    assert dependencies["pdf_window"] == "16"
    assert PdfExtractor(PdfConfig(window=8)).dependencies() != dependencies
