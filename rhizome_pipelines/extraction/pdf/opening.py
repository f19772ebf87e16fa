"""Whether a file is a PDF that can be read at all, and what to tell a person if not."""

import re
from pathlib import Path

from rhizome_pipelines.extraction.pdf.config import PdfConfig
from rhizome_pipelines.extraction.pdf.reader import (
    Reader,
    ReaderDiedError,
    ReaderRefusedError,
    ReaderTimedOutError,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

HEAD = 1024
"""PDFium looks for `%PDF-` in this many bytes, and so do we."""

HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)

# fpdfview.h, FPDF_GetLastError
FPDF_ERR_PASSWORD = 4
FPDF_ERR_SECURITY = 5


def check_head(path: Path, name: str) -> None:
    """Raise InvalidInputError for a file whose first bytes are not those of a PDF."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"The file {name} does not exist; hand the document in again."
        ) from error
    if not head:
        raise InvalidInputError(f"The file {name} is empty; hand in the complete PDF.")
    if b"%PDF-" in head:
        return
    if HTML.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise InvalidInputError(
            f"The file {name} is an HTML page, not a PDF; hand it in as a web page, "
            "or download the PDF itself."
        )
    if head.startswith(b"PK\x03\x04"):
        raise InvalidInputError(
            f"The file {name} is a ZIP archive (perhaps an EPUB or an office document), not a PDF; "
            "hand it in as what it is, or export it as PDF."
        )
    if not head.strip(b"\0"):
        raise InvalidInputError(
            f"The file {name} holds only zero bytes; hand in the complete PDF again."
        )
    raise InvalidInputError(f"The file {name} is not a PDF; hand in a PDF file.")


def count_pages(path: Path, name: str, reader: Reader, config: PdfConfig) -> int:
    """The number of pages, from 1 to `config.max_pages`; `name` is what messages call the file.

    Raises InvalidInputError for what cannot be opened, has no pages or too many, and
    PermanentError for a file on which the reading process dies twice.
    """
    check_head(path, name)
    pages = _count(path, name, reader, config)
    if pages < 1:
        raise InvalidInputError(f"The PDF {name} has no pages; hand in the complete PDF.")
    if pages > config.max_pages:
        raise InvalidInputError(
            f"The PDF {name} has {pages:,} pages, more than the limit of "
            f"{config.max_pages:,}; split it and hand in the pieces."
        )
    return pages


def _count(path: Path, name: str, reader: Reader, config: PdfConfig) -> int:
    for last_try in (False, True):
        try:
            return int(reader.ask("count", config.open_timeout, path=str(path))["pages"])
        except ReaderTimedOutError as error:
            raise PermanentError(
                f"The PDF {name} could not be opened in {config.open_timeout:g} seconds; "
                "print it to a new PDF and try again."
            ) from error
        except ReaderDiedError as error:
            if last_try:
                raise PermanentError(
                    f"The PDF {name} makes the PDF reader crash; "
                    "print it to a new PDF and try again."
                ) from error
        except ReaderRefusedError as error:
            raise _refusal(name, error) from error
    raise AssertionError("unreachable")


def _refusal(name: str, error: ReaderRefusedError) -> InvalidInputError:
    if error.code == FPDF_ERR_PASSWORD:
        return InvalidInputError(
            f"The PDF {name} is protected by a password; remove the protection and try again."
        )
    if error.code == FPDF_ERR_SECURITY:
        return InvalidInputError(
            f"The PDF {name} uses an encryption that is not supported; "
            "remove the protection and try again."
        )
    return InvalidInputError(
        f"The PDF {name} is damaged or incomplete and cannot be opened; "
        "hand in the complete file again."
    )
