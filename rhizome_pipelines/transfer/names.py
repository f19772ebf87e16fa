"""Names of an archive's entries: where what lies, and which names are refused."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from uuid import UUID

from rhizome_pipelines.checkpoints.keys import InvalidKeyError, validated_key

MANIFEST = "manifest.json"
"""Of the whole archive, with the hash of every other entry."""

_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_LITTER_FOLDER = "__macosx"
_APPLE_DOUBLE = "._"
"""How the names of the files begin in which macOS keeps what other file systems have no place for
(RFC 1740)."""
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|#^\[\]]+')
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever the ending (Microsoft, Naming Files)."""
_TITLE_BYTES = 120


def file_name(document_id: UUID, relative: str) -> str:
    """A stored file of a document; `relative` is its key within the document's folder."""
    return f"documents/{document_id}/{relative}"


def rows_name(document_id: UUID, name: str) -> str:
    """What the database knows of a document: `document.json`, `connections.json`, …."""
    return f"rows/{document_id}/{name}"


def name_fault(name: str) -> str | None:
    """Why an entry's name is refused; None if it is harmless on every file system."""
    try:
        validated_key(name)
    except InvalidKeyError:
        return "its name leaves the archive or is not allowed"
    if _DRIVE.match(name):
        return "its name begins with a drive"
    return None


def is_litter(name: str) -> bool:
    """Whether a file manager has left it: Finder's and Explorer's files, what macOS adds to a ZIP.

    `name` is relative, with its folders.
    """
    *folders, last = name.casefold().split("/")
    in_litter = bool(folders) and folders[0] == _LITTER_FOLDER
    return in_litter or last in _LITTER or last.startswith(_APPLE_DOUBLE)


def folded(name: str) -> str:
    """What file systems that ignore case and composition take the name for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def note_names(titles: Iterable[tuple[UUID, str]]) -> dict[UUID, str]:
    """A file name for each document's note, made of its title; no two are the same anywhere."""
    names: dict[UUID, str] = {}
    taken: set[str] = set()
    for document_id, title in titles:
        stem = readable_stem(title)
        name = f"{stem}.md"
        while folded(name) in taken:
            # A title may look like another's name with its id.
            stem = f"{stem} ({document_id})"
            name = f"{stem}.md"
        taken.add(folded(name))
        names[document_id] = name
    return names


def distinct_names(names: Iterable[str]) -> dict[str, str]:
    """Each name, and what it is called where case and composition make no difference.

    Names that are the same there get a number, and so does a file that is a folder of others. Of
    such names the one in lower case stays as it is, as those are that Rhizome writes itself.
    """
    ordered = sorted(names, reverse=True)
    folders = {folded(str(folder)) for name in ordered for folder in PurePosixPath(name).parents}
    taken: set[str] = set()
    distinct = {}
    for name in ordered:
        path, number, called = PurePosixPath(name), 1, name
        while folded(called) in taken | folders:
            number += 1
            called = str(path.with_name(f"{path.stem}~{number}{path.suffix}"))
        taken.add(folded(called))
        distinct[name] = called
    return distinct


def readable_stem(title: str) -> str:
    """A title as a file's name without ending: what some system forbids is left out."""
    text = title.encode("utf-8", "replace").decode()
    text = " ".join(_UNSAFE.sub(" ", unicodedata.normalize("NFC", text)).split())
    text = text.encode()[: _TITLE_BYTES - 1].decode("utf-8", "ignore").strip(" .")
    return _RESERVED.sub(r"_\1", text, count=1) if _RESERVED.match(text) else text or "Untitled"
