"""The documents that are measured on: manuals in Debian packages, fetched when first needed."""

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path

import pypdfium2

from benchmarks.workshop import CannotMeasureError, Workshop, run, say

LONG_PAGES = 10_000


@dataclass(frozen=True)
class Manual:
    """A manual as PDF, and the same text as a book or page whose headings are marked up.

    Paths are relative to the unpacked package.
    """

    name: str
    package: str
    pdf: str
    truth_package: str = ""
    truth: str = ""


_R = "usr/share/R/doc/manual"

POLICY = Manual(
    "debian-policy",
    "debian-policy",
    "usr/share/doc/debian-policy/policy.pdf.gz",
    "debian-policy",
    "usr/share/doc/debian-policy/policy.epub",
)
ANNOTATIONS = Manual(
    "c++-annotations", "c++-annotations-pdf", "usr/share/doc/c++-annotations/cplusplus.pdf"
)
REFERENCE = Manual("r-refman", "r-doc-pdf", f"{_R}/refman.pdf")
WITH_TRUTH = (
    POLICY,
    Manual(
        "debmake-doc",
        "debmake-doc",
        "usr/share/doc/debmake-doc/debmake-doc.en.pdf",
        "debmake-doc",
        "usr/share/doc/debmake-doc/debmake-doc.en.epub",
    ),
    Manual(
        "developers-reference",
        "developers-reference",
        "usr/share/developers-reference/developers-reference.pdf",
        "developers-reference",
        "usr/share/developers-reference/developers-reference.epub",
    ),
    Manual("r-intro", "r-doc-pdf", f"{_R}/R-intro.pdf", "r-doc-html", f"{_R}/R-intro.html"),
    Manual("r-exts", "r-doc-pdf", f"{_R}/R-exts.pdf", "r-doc-html", f"{_R}/R-exts.html"),
)


def pdf_of(workshop: Workshop, manual: Manual) -> Path:
    """The manual's PDF. Raises CannotMeasureError if it cannot be fetched."""
    return _plain(workshop, manual.package, manual.pdf)


def truth_of(workshop: Workshop, manual: Manual) -> Path:
    """The EPUB or HTML that has the same text. Raises CannotMeasureError."""
    return _plain(workshop, manual.truth_package, manual.truth)


def page_count(pdf: Path) -> int:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return len(document)
    finally:
        document.close()


def long_pdf(workshop: Workshop) -> Path:
    """All manuals one after the other, from the beginning again until there are LONG_PAGES."""
    target = workshop.cache / f"long-{LONG_PAGES}.pdf"
    if target.is_file():
        return target
    say(f"Putting together a PDF of {LONG_PAGES:,} pages …")
    paths = [pdf_of(workshop, manual) for manual in (*WITH_TRUTH, ANNOTATIONS, REFERENCE)]
    sources = [pypdfium2.PdfDocument(path) for path in paths]
    result = pypdfium2.PdfDocument.new()
    while len(result) < LONG_PAGES:
        for source in sources:
            pages = list(range(min(len(source), LONG_PAGES - len(result))))
            if pages:
                result.import_pages(source, pages)
    unfinished = target.with_suffix(".unfinished")
    result.save(unfinished)
    for document in (result, *sources):
        document.close()
    unfinished.rename(target)
    return target


def _plain(workshop: Workshop, package: str, name: str) -> Path:
    path = _unpacked(workshop, package) / name
    if not path.is_file():
        raise CannotMeasureError(
            f"The package {package} holds no {name}: it has changed, and so must benchmarks."
        )
    if path.suffix != ".gz":
        return path
    plain = path.with_suffix("")
    if not plain.is_file():
        with gzip.open(path) as packed, plain.open("wb") as sink:
            shutil.copyfileobj(packed, sink)
    return plain


def _unpacked(workshop: Workshop, package: str) -> Path:
    folder = workshop.cache / "unpacked" / package
    if folder.is_dir():
        return folder
    say(f"Fetching the Debian package {package} …")
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise CannotMeasureError(
            "The documents come in Debian packages, and apt-get and dpkg-deb are not here: run "
            f"this on Debian or Ubuntu, or unpack the package {package} into {folder}."
        )
    with workshop.folder("packages") as packages:
        run(["apt-get", "download", package], cwd=packages)
        run(["dpkg-deb", "-x", next(packages.glob("*.deb")), packages / "unpacked"])
        folder.parent.mkdir(exist_ok=True)
        (packages / "unpacked").rename(folder)
    return folder
