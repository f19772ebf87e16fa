"""The source type of what a person names: by its content first, then by its ending."""

import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from rhizome_pipelines.extraction.decoding import decode, detect_encoding
from rhizome_pipelines.extraction.youtube.address import video_id
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError

SUPPORTED = (
    "PDF, EPUB, Markdown (.md), plain text (.txt), HTML, web addresses (https://…) "
    "and YouTube addresses"
)
_HEAD = 8 * 1024
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_BY_SUFFIX = {
    ".md": SourceType.MARKDOWN_ASIS,
    ".markdown": SourceType.MARKDOWN_ASIS,
    ".mdown": SourceType.MARKDOWN_ASIS,
    ".mkd": SourceType.MARKDOWN_ASIS,
    ".txt": SourceType.TXT,
    ".text": SourceType.TXT,
    "": SourceType.TXT,
}
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})


def detect_source(path_or_url: str | Path) -> SourceType:
    """What kind of source it is. Nothing is fetched.

    A local HTML file is a WEB_URL with a path instead of an address. Raises InvalidInputError
    for what is missing, empty, unsupported, or not what its name says.
    """
    if isinstance(path_or_url, str) and (scheme := _SCHEME.match(path_or_url.strip())):
        return _detect_url(path_or_url.strip(), scheme[1].lower())
    return _detect_file(Path(path_or_url))


def _detect_url(url: str, scheme: str) -> SourceType:
    if scheme not in {"http", "https"}:
        raise InvalidInputError(
            f"Addresses with {scheme}:// cannot be fetched. Supported are {SUPPORTED}."
        )
    if not _names_a_host(url):
        raise InvalidInputError(
            f"{url[:200]!r} cannot be fetched: it does not name a host, as "
            "https://example.org/page does. Check the address for typos."
        )
    return SourceType.YOUTUBE if video_id(url) else SourceType.WEB_URL


def _names_a_host(url: str) -> bool:
    """Whether the address could lead anywhere (RFC 3986, section 3.2); nothing is looked up."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return bool(host.strip(".")) and not any(one.isspace() for one in host)


def _detect_file(path: Path) -> SourceType:
    name = path.name
    try:
        if not path.is_file():
            what = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise InvalidInputError(f"{name!r} {what}. Name a file, or a web address.")
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{name!r} cannot be read: check its name and rights.") from error
    if not head:
        raise InvalidInputError(f"{name!r} is empty; there is nothing to process.")
    return _detect_content(path, head)


def _detect_content(path: Path, head: bytes) -> SourceType:
    name, suffix = path.name, path.suffix.lower()
    if head.startswith(b"PK\x03\x04"):
        return _detect_archive(path)
    # ISO 32000-1, appendix H.3.4.1: readers accept the header within the first 1024 bytes.
    if head.startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and suffix not in _BY_SUFFIX):
        return SourceType.PDF
    if suffix in {".pdf", ".epub"}:
        kind = suffix[1:].upper()
        found = (
            "but a web page, perhaps a login or error page that was saved in its place"
            if _looks_like_html(head)
            else "whatever its name says"
        )
        raise InvalidInputError(f"{name!r} is no {kind}, {found}. Get the {kind} file again.")
    if suffix in _HTML_SUFFIXES or (suffix == "" and _looks_like_html(head)):
        return SourceType.WEB_URL
    source_type = _BY_SUFFIX.get(suffix)
    if source_type is None:
        raise InvalidInputError(
            f"{name!r}: files ending in {suffix} are not supported. Supported are {SUPPORTED}."
        )
    detect_encoding(path, repr(name))
    return source_type


def _detect_archive(path: Path) -> SourceType:
    try:
        with zipfile.ZipFile(path) as archive:
            # OCF 3.3, section 4.2.2: every EPUB has this entry, and nothing else does.
            archive.getinfo("META-INF/container.xml")
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, NotImplementedError) as error:
        broken = path.suffix.lower() == ".epub"
        what = "is a damaged EPUB" if broken else "is an archive or an office file, not an EPUB"
        raise InvalidInputError(f"{path.name!r} {what}. Supported are {SUPPORTED}.") from error
    return SourceType.EPUB


def _looks_like_html(head: bytes) -> bool:
    try:
        text, _ = decode(head)
    except InvalidInputError:
        return False
    return _HTML.match(text.lstrip("\ufeff")) is not None
