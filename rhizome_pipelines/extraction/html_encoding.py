"""The encoding of HTML and XHTML, as far as the server or the document itself tells it."""

import re

from rhizome_pipelines.extraction.decoding import decode

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,300}charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.\-]{2,40})", re.IGNORECASE
)
_PROLOG = re.compile(rb"^\s*<\?xml[^>]{0,200}encoding\s*=\s*[\"']([A-Za-z0-9_.\-]{2,40})")


def decode_page(body: bytes, charset: str | None) -> str:
    """The text of a page: byte order mark, then the server's charset, then its own, then a guess.

    After the encoding sniffing of the HTML standard (section 13.2.3.2).
    """
    if not body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        declared = _META_CHARSET.search(body[:4096]) or _PROLOG.search(body[:4096])
        for name in (charset, declared[1].decode("ascii") if declared else None):
            text = _decoded(body, name) if name else None
            if text is not None:
                return text
    return decode(body, "The page")[0]


def _decoded(body: bytes, charset: str) -> str | None:
    """None for unknown charsets, for what is no charset (`hex`), and where it is plainly wrong."""
    # The HTML standard reads these labels as windows-1252.
    name = "cp1252" if charset.lower() in {"iso-8859-1", "latin1", "ascii", "us-ascii"} else charset
    try:
        text = body.decode(name, "replace")
    except (LookupError, ValueError):
        return None
    return text if text.count("\ufffd") * 100 <= len(text) else None
