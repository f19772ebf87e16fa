"""PDF files, made here, and the extractor over them."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from reportlab.lib import pagesizes
from reportlab.pdfgen.canvas import Canvas

from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.pdf import PdfExtractor
from rhizome_pipelines.lifecycle.documents import SourceType
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
