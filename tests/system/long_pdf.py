"""A PDF that takes a while to be read, and what is kept of it while it is."""

import hashlib
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

PAGES = 200
WORDS = (
    "roots",
    "join",
    "what",
    "walks",
    "apart",
    "and",
    "every",
    "shoot",
    "may",
    "begin",
    "again",
)


def long_pdf(path: Path, pages: int = PAGES) -> Path:
    canvas = Canvas(str(path), invariant=1)
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 16)
        canvas.drawString(72, 770, f"Chapter {page}")
        canvas.setFont("Helvetica", 10)
        for line in range(45):
            start = (page * 7 + line * 3) % len(WORDS)
            text = " ".join((WORDS[start:] + WORDS[:start])[:12])
            canvas.drawString(72, 740 - 15 * line, f"{text} ({page}, {line}).")
        canvas.showPage()
    canvas.save()
    return path


def parts(folder: Path) -> dict[str, str]:
    """Name and hash of the parts of extraction that lie there."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("stage-extraction.part.*.ckpt")
    }
