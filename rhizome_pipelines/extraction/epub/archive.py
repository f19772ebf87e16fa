"""The archive of a book, read entry by entry and within limits. OCF 3.3 is its format."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from lxml import etree

from rhizome_pipelines.extraction.config import MEBIBYTE, EpubConfig
from rhizome_pipelines.extraction.local_file import MEGABYTE
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

_ENCRYPTED = 0x1
_SMALL = MEBIBYTE
"""Below this size a high ratio harms nobody (a file of blanks)."""
_FONT_METHODS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_ENCRYPTION = "META-INF/encryption.xml"


class DamagedEntryError(PermanentError):
    """An entry is missing or cannot be unpacked; the rest of the book may be well."""


class BookArchive:
    """An opened EPUB. Raises InvalidInputError for what is hostile or no archive at all."""

    def __init__(self, path: Path, config: EpubConfig) -> None:
        self._config = config
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InvalidInputError(
                "The file is no EPUB, or it is damaged: it is not a readable archive."
            ) from error
        try:
            self._entries, self._ambiguous = self._survey()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "BookArchive":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def size(self, name: str) -> int:
        """Unpacked size in bytes as the archive tells it; 0 if there is no such entry."""
        info = self._entries.get(name)
        return info.file_size if info else 0

    def read(self, name: str) -> bytes:
        """An entry's bytes. Raises DamagedEntryError, InvalidInputError, PermanentError (DRM)."""
        info = self._entries.get(name)
        if info is None:
            raise DamagedEntryError(f"The book has no file {name!r}.")
        if name in self._ambiguous:
            raise InvalidInputError(
                f"The book has the file {name!r} twice with different content; "
                "it is damaged or made to deceive. Get it again."
            )
        if info.flag_bits & _ENCRYPTED:
            raise PermanentError("The book is protected by a password or by DRM.")
        limit = self._config.max_document_bytes
        if info.file_size > limit:
            raise InvalidInputError(
                f"The book's file {name!r} has {info.file_size / MEGABYTE:,.0f} MB; "
                f"the limit is {limit / MEGABYTE:,.0f} MB."
            )
        try:
            with self._zip.open(info) as stream:
                data = stream.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
            raise DamagedEntryError(f"The book's file {name!r} is damaged.") from error
        if len(data) > limit:
            raise InvalidInputError(f"The book's file {name!r} is larger than it says.")
        return data

    def parse(self, name: str) -> etree._Element:
        """The root of a package file; no entity, DTD or address is ever loaded."""
        data = self.read(name)
        if b"<!ENTITY" in data or b"<!E\x00" in data or b"<\x00!\x00E\x00N\x00" in data:
            raise InvalidInputError(
                f"The book's file {name!r} declares entities, which no EPUB needs and which "
                "can be used to do harm; it is not read."
            )
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True
        )
        try:
            root = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise DamagedEntryError(f"The book's file {name!r} is not readable XML.") from error
        if root is None:
            raise DamagedEntryError(f"The book's file {name!r} is not readable XML.")
        return root

    def refuse_encrypted(self, names: Iterable[str]) -> None:
        """Raises PermanentError if one of `names` is encrypted (fonts are, in many free books)."""
        if _ENCRYPTION not in self:
            return
        encrypted: set[str] = set()
        for data in self.parse(_ENCRYPTION).iter("{*}EncryptedData"):
            method = data.find("{*}EncryptionMethod")
            if method is not None and method.get("Algorithm") in _FONT_METHODS:
                continue
            encrypted.update(
                resolve_path("", reference.get("URI", ""))
                for reference in data.iter("{*}CipherReference")
            )
        if encrypted.intersection(names):
            raise PermanentError(
                "The book is protected by DRM, so its text cannot be read. "
                "Use a copy without protection."
            )

    def _survey(self) -> tuple[dict[str, zipfile.ZipInfo], frozenset[str]]:
        infos = self._zip.infolist()
        if len(infos) > self._config.max_entries:
            raise InvalidInputError(
                f"The book has {len(infos):,} files inside; the limit is "
                f"{self._config.max_entries:,}."
            )
        entries: dict[str, zipfile.ZipInfo] = {}
        ambiguous = set()
        for info in infos:
            _refuse_escape(info.filename)
            self._refuse_bomb(info)
            first = entries.setdefault(info.filename, info)
            if first is not info and (first.CRC, first.file_size) != (info.CRC, info.file_size):
                ambiguous.add(info.filename)
        return entries, frozenset(ambiguous)

    def _refuse_bomb(self, info: zipfile.ZipInfo) -> None:
        packed = max(info.compress_size, 1)
        if info.file_size > _SMALL and info.file_size > self._config.max_ratio * packed:
            raise InvalidInputError(
                f"The book's file {info.filename[:80]!r} would unpack to "
                f"{info.file_size // packed:,} times its size ({info.file_size / MEGABYTE:,.0f} "
                "MB): that is a ZIP bomb, no book. It is not read."
            )


def resolve_path(base: str, reference: str) -> str:
    """The entry that a reference in `base` (an entry's name) means, without its fragment.

    Raises InvalidInputError if it leads out of the archive. "" for addresses elsewhere.
    """
    try:
        parts = urlsplit(reference.strip())
    except ValueError:
        return ""
    if parts.scheme or parts.netloc:
        return ""
    path = unquote(parts.path)
    if not path:
        return base
    _refuse_escape(path if path.startswith("/") else posixpath.join(posixpath.dirname(base), path))
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path))


def _refuse_escape(name: str) -> None:
    normal = posixpath.normpath(name.replace("\\", "/"))
    if normal.startswith(("/", "../")) or normal == ".." or normal[1:2] == ":" or "\x00" in name:
        raise InvalidInputError(
            f"The book names a file outside of itself ({name[:80]!r}); it is not read."
        )
