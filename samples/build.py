"""Build the samples that are not written by hand, from `sources/`.

    python samples/build.py [FOLDER]

The same sources give the same bytes: dates and ids are fixed and nothing is compressed, so that
the version of zlib does not matter. The bytes of the PDF may still differ between versions of
reportlab; its text does not.
"""

import html
import io
import re
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

SAMPLES = Path(__file__).resolve().parent
SOURCES = SAMPLES / "sources"
AUTHOR = "Rhizome samples"
SOFT_HYPHEN = "\u00ad"
MARKDOWN = MarkdownIt("commonmark", {"xhtmlOut": True}).enable("table")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    for name, content in build().items():
        (folder / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")


def build() -> dict[str, bytes]:
    """Return every built sample by its file name."""
    syllables = read_hyphenation(_source("hyphenation.txt"))
    return {
        "against-forgetting.pdf": pdf(_source("against-forgetting.md"), syllables),
        "what-is-kept.epub": epub(_source("what-is-kept.md")),
        "undivided.export.md": messy_export(_source("undivided.md"), syllables).encode(),
        "walking.transcript.txt": transcript(_source("walking.md")).encode(),
    }


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def read_hyphenation(listing: str) -> dict[str, list[str]]:
    """Map each listed word to its parts: `mem-ory` becomes `memory: [mem, ory]`."""
    words = [line for line in listing.splitlines() if line and not line.startswith("#")]
    return {word.replace("-", ""): word.split("-") for word in words}


# PDF


def pdf(markdown: str, syllables: dict[str, list[str]]) -> bytes:
    """Typeset as A5: outline, running header, page numbers, justified and hyphenated text."""
    title = markdown.splitlines()[0].removeprefix("# ")
    buffer = io.BytesIO()
    document = _Outlined(
        buffer,
        pagesize=A5,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=22 * mm,
        bottomMargin=20 * mm,
        title=title,
        author=AUTHOR,
        lang="en",
        invariant=1,
        pageCompression=0,
    )
    document.build(
        list(_flowables(_with_soft_hyphens(markdown, syllables))),
        onFirstPage=partial(_furniture, header=None),
        onLaterPages=partial(_furniture, header=f"{title} · {AUTHOR}"),
    )
    return buffer.getvalue()


class _Outlined(SimpleDocTemplate):
    """A document whose headings stand in the PDF's outline."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's hook)
        level = {"h1": 0, "h2": 1}.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is not None:
            heading = flowable.getPlainText().replace(SOFT_HYPHEN, "")
            self.canv.bookmarkPage(heading)
            self.canv.addOutlineEntry(heading, heading, level)


def _furniture(canvas: Canvas, document: SimpleDocTemplate, header: str | None) -> None:
    width, height = A5
    canvas.saveState()
    canvas.setFont("Times-Italic", 9)
    if header:
        canvas.drawCentredString(width / 2, height - 14 * mm, header)
    canvas.setFont("Times-Roman", 9)
    canvas.drawCentredString(width / 2, 11 * mm, str(document.page))
    canvas.restoreState()


def _with_soft_hyphens(markdown: str, syllables: dict[str, list[str]]) -> str:
    def divide(match: re.Match[str]) -> str:
        return SOFT_HYPHEN.join(syllables.get(match[0], [match[0]]))

    return re.sub(r"[a-z]+", divide, markdown)


def _flowables(markdown: str) -> Iterator[Flowable]:
    body = ParagraphStyle(
        "body",
        fontName="Times-Roman",
        fontSize=10.5,
        leading=14,
        alignment=TA_JUSTIFY,
        spaceAfter=6,
        embeddedHyphenation=1,
    )
    heading = partial(ParagraphStyle, fontName="Times-Bold", keepWithNext=1, spaceAfter=6)
    styles = {
        "h1": heading("h1", fontSize=20, leading=24),
        "h2": heading("h2", fontSize=13, leading=17, spaceBefore=10),
        "p": body,
        "li": ParagraphStyle("li", parent=body, leftIndent=14, bulletIndent=4, spaceAfter=3),
    }
    context, rows = "p", list[list[str]]()
    for token in MARKDOWN.parse(markdown):
        match token.type:
            case "heading_open":
                context = token.tag
            case "list_item_open":
                context = "li"
            case "bullet_list_close" | "heading_close":
                context = "p"
            case "tr_open":
                context = "tr"
                rows.append([])
            case "table_close":
                context = "p"
                yield _table(rows)
                yield Spacer(1, 8)
            case "inline" if context == "tr":
                rows[-1].append(token.content)
            case "inline":
                bullet = "•" if context == "li" else None
                yield Paragraph(_inline(token), styles[context], bulletText=bullet)


def _table(rows: list[list[str]]) -> Table:
    ruled = [
        ("FONT", (0, 0), (-1, -1), "Times-Roman", 10),
        ("FONT", (0, 0), (-1, 0), "Times-Bold", 10),
        ("LINEABOVE", (0, 0), (-1, 0), 0.8, "black"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.4, "black"),
        ("LINEBELOW", (0, -1), (-1, -1), 0.8, "black"),
    ]
    cells = [[cell.replace(SOFT_HYPHEN, "") for cell in row] for row in rows]
    return Table(cells, colWidths=[50 * mm, 50 * mm], style=ruled)


def _inline(token: Token) -> str:
    tags = {"em_open": "<i>", "em_close": "</i>", "strong_open": "<b>", "strong_close": "</b>"}
    return "".join(tags.get(t.type, html.escape(t.content)) for t in token.children or ())


# EPUB


def epub(markdown: str) -> bytes:
    """Bind an EPUB 3: one XHTML file a second-level heading, a nav document and a footnote."""
    text, _, note = markdown.partition("\n[^1]: ")
    title, *chapters = re.split(r"^##? ", text, flags=re.MULTILINE)[1:]
    files = {"mimetype": "application/epub+zip", "META-INF/container.xml": _CONTAINER}
    headings = [chapter.splitlines()[0] for chapter in chapters]
    for number, chapter in enumerate(chapters, start=1):
        body = MARKDOWN.render("# " + chapter)
        if "[^1]" in body:
            body = body.replace("[^1]", _NOTE_REFERENCE) + _NOTE.format(html.escape(note.strip()))
        files[f"EPUB/chapter-{number}.xhtml"] = _page(headings[number - 1], body)
    entries = "".join(
        f'<li><a href="chapter-{number}.xhtml">{html.escape(heading)}</a></li>\n'
        for number, heading in enumerate(headings, start=1)
    )
    nav = f'<nav epub:type="toc"><h1>Contents</h1>\n<ol>\n{entries}</ol></nav>\n'
    files["EPUB/nav.xhtml"] = _page("Contents", nav)
    files["EPUB/package.opf"] = _package(title.strip(), len(chapters))
    return _zipped(files)


def _package(title: str, chapters: int) -> str:
    names = [f"chapter-{number}" for number in range(1, chapters + 1)]
    manifest = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>\n'
        for name in names
    )
    spine = "".join(f'<itemref idref="{name}"/>\n' for name in names)
    return _PACKAGE.format(title=html.escape(title), author=AUTHOR, manifest=manifest, spine=spine)


def _zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(2025, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _page(title: str, body: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'
        f' lang="en" xml:lang="en">\n<head><title>{html.escape(title)}</title></head>\n'
        f"<body>\n{body}</body>\n</html>\n"
    )


_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles>
<rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles>
</container>
"""
_PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:6f1d4c1e-6c1a-5d7e-9a37-1b1e5f0c8a11</dc:identifier>
<dc:title>{title}</dc:title>
<dc:creator>{author}</dc:creator>
<dc:language>en</dc:language>
<dc:date>2025-01-01</dc:date>
<dc:rights>CC0 1.0</dc:rights>
<meta property="dcterms:modified">2025-01-01T00:00:00Z</meta>
</metadata>
<manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
{manifest}</manifest>
<spine>
{spine}</spine>
</package>
"""
_NOTE_REFERENCE = '<a epub:type="noteref" href="#note-1" id="ref-1">1</a>'
_NOTE = '<aside epub:type="footnote" id="note-1"><p>{}</p></aside>\n'


# The export that wants cleaning, and the transcript


def messy_export(markdown: str, syllables: dict[str, list[str]]) -> str:
    """Spoil clean markdown as page-bound exports do.

    Short lines with words divided at their ends, doubled spaces, and every 38 lines a page number
    and the running title in the middle of the text.
    """
    lines = list[str]()
    for block in markdown.strip().split("\n\n"):
        lines += ["", *_spoiled(block, syllables)]
    title, page = markdown.splitlines()[0].removeprefix("# "), 0
    spoiled = list[str]()
    for number, line in enumerate(lines[1:], start=1):
        spoiled.append(line)
        if number % 38 == 0:
            page += 1
            spoiled += ["", f"{page}", "", title.upper(), ""]
    return "\n".join(spoiled) + "\n"


def _spoiled(block: str, syllables: dict[str, list[str]]) -> list[str]:
    if block.startswith("#"):
        return [block + "  "]
    if re.match(r"- |\d\. ", block):
        return [piece for item in block.splitlines() for piece in _divided(item, syllables, "   ")]
    return _divided(re.sub(r"([.;]) ", r"\1  ", block), syllables)


def _divided(text: str, syllables: dict[str, list[str]], indent: str = "") -> list[str]:
    """Wrap at 62 columns, dividing the listed words."""
    lines, line = list[str](), ""
    for word in re.split(r"(?<=\s)(?=\S)", text):
        whole = len(line) + len(word.rstrip()) <= 62
        head, tail = ("", word) if whole else _fitting(word, syllables, 61 - len(line))
        if not whole:
            lines.append((line + head + "-") if head else line.rstrip())
            line = indent
        line += tail
    return [*lines, line.rstrip()]


def _fitting(word: str, syllables: dict[str, list[str]], room: int) -> tuple[str, str]:
    letters = re.match(r"[a-z]*", word)
    parts = syllables.get(letters[0], []) if letters else []
    heads = ["".join(parts[:count]) for count in range(1, len(parts))]
    head = max((head for head in heads if len(head) <= room), key=len, default="")
    return head, word[len(head) :]


def transcript(talk: str) -> str:
    """Set a talk as the transcript panel of a video does: a time, then some seconds of speech."""
    words_a_second, words = 2.4, 0
    lines = list[str]()
    for caption in textwrap.wrap(" ".join(talk.split()), 58, break_on_hyphens=False):
        minutes, seconds = divmod(int(words / words_a_second), 60)
        lines += [f"{minutes}:{seconds:02}", caption]
        words += len(caption.split())
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
