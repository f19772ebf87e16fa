"""What a person has named: files, folders and addresses, each told by its content."""

import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rhizome_pipelines.extraction.detect import detect_source
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError

LISTING = "documents.toml"
"""A folder may hold a listing of its documents, with their types, titles and addresses."""

BY_SUFFIX = {
    ".pdf": SourceType.PDF,
    ".epub": SourceType.EPUB,
    ".html": SourceType.WEB_URL,
    ".htm": SourceType.WEB_URL,
    ".xhtml": SourceType.WEB_URL,
    ".md": SourceType.MARKDOWN_ASIS,
    ".markdown": SourceType.MARKDOWN_ASIS,
    ".txt": SourceType.TXT,
    ".text": SourceType.TXT,
}
"""What files of a folder are taken to be; the content decides in the end."""


@dataclass(frozen=True)
class Item:
    """One thing to take in: a local file, or an address, or an address whose content is a file."""

    source_type: SourceType
    path: Path | None = None
    url: str | None = None
    title: str | None = None

    @property
    def label(self) -> str:
        """For a person."""
        return self.title or (shown(self.path.name) if self.path else self.url) or "?"


@dataclass(frozen=True)
class Refused:
    """Something that was named but cannot be taken in, and why."""

    named: str
    error: InvalidInputError
    path: Path | None = None
    """The file that was refused, where there is one."""


@dataclass(frozen=True)
class PassedOver:
    """Files of a folder that are of no type we know: not named by anybody, so no fault."""

    folder: Path
    count: int


class _ListedDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str
    source_type: SourceType
    title: str | None = None
    url: str | None = None


class _Listing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: list[_ListedDocument]


Found = Item | Refused | PassedOver


def shown(name: str) -> str:
    """A file's name as it can be stored and printed: names need not be UTF-8 on every disk."""
    return os.fsencode(name).decode("utf-8", "replace")


def find_items(named: Sequence[str]) -> Iterator[Found]:
    """What the named files, folders and addresses hold, in order; folders are walked whole."""
    for name in named:
        path = Path(name)
        if not name.strip():
            yield Refused("''", InvalidInputError("An empty name names nothing to process."))
        elif "://" in name:
            yield _at_address(name)
        elif path.is_dir():
            yield from _in_folder(path)
        else:
            yield _in_file(path)


def _at_address(url: str) -> Item | Refused:
    try:
        return Item(detect_source(url), url=url)
    except InvalidInputError as error:
        return Refused(url, error)


def _in_file(path: Path) -> Item | Refused:
    try:
        return Item(detect_source(path), path=path)
    except InvalidInputError as error:
        return Refused(shown(str(path)), error, path if path.is_file() else None)


def _in_folder(folder: Path) -> Iterator[Found]:
    if (folder / LISTING).is_file():
        yield from _listed(folder)
        return
    passed_over = 0
    for path in _files_below(folder):
        if path.suffix.lower() in BY_SUFFIX:
            yield _in_file(path)
        else:
            passed_over += 1
    if passed_over:
        yield PassedOver(folder, passed_over)


def _files_below(folder: Path) -> Iterator[Path]:
    """The folder's files, sorted by their paths' parts; no hidden ones, and no link is followed."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        return
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(folder / entry.name)
        elif entry.is_file(follow_symlinks=False):
            yield folder / entry.name


def _listed(folder: Path) -> Iterator[Item | Refused]:
    try:
        listing = _Listing.model_validate(tomllib.loads((folder / LISTING).read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise InvalidInputError(f"{folder / LISTING} cannot be read: {error}") from None
    for listed in listing.document:
        path = folder / listed.file
        if not path.resolve().is_relative_to(folder.resolve()):
            yield Refused(listed.file, InvalidInputError(f"{listed.file!r} lies outside {folder}."))
        elif not path.is_file():
            yield Refused(listed.file, InvalidInputError(f"{path} is listed but not there."))
        else:
            yield Item(listed.source_type, path=path, url=listed.url, title=listed.title)
