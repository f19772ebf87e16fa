"""The format `markdown`: each document a readable note, with links to those that it connects to.

A note is front matter (YAML), the document's text as it is, and below it what was asked for: its
connections, passage by passage, and what a person has marked and written.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.transfer.collecting import Collector, Wanted, from_disk, local_file
from rhizome_pipelines.transfer.names import note_names
from rhizome_pipelines.transfer.ports import DocumentRows, Record
from rhizome_pipelines.transfer.segments import Outgoing

FOLDER = "notes"
_PASSAGE = 60
_FRONT = ("title", "author", "source_type", "source_url", "language", "word_count", "created_at")


class NotesCollector(Collector):
    """One note a document. `titles`: of all documents of the export, in their order."""

    def __init__(
        self, objects: ObjectStore, user_id: UUID, wanted: Wanted, titles: Mapping[UUID, str]
    ) -> None:
        self._objects = objects
        self._user_id = user_id
        self._wanted = wanted
        self._titles = titles
        self._names = note_names(titles.items())

    def collect(self, document_id: UUID, rows: DocumentRows, scratch: Path) -> Sequence[Outgoing]:
        """See `Collector`."""
        path = scratch / "note.md"
        content = DocumentKeys(self._user_id, document_id).content
        with path.open("wb") as note:
            note.write(_front_matter(document_id, rows.document).encode())
            if self._objects.info(content) is not None:
                with local_file(self._objects, content) as text, text.open("rb") as source:
                    shutil.copyfileobj(source, note)
            for line in self._below(document_id, rows):
                note.write(f"{line}\n".encode())
        return [Outgoing(f"{FOLDER}/{self._names[document_id]}", from_disk(path))]

    def _below(self, document_id: UUID, rows: DocumentRows) -> Iterator[str]:
        if self._wanted.annotations:
            yield from _section("Annotations", _annotation_lines(rows.annotations()))
        if self._wanted.connections:
            passages = {
                record["chunk_index"]: _one_line(record["content"])[:_PASSAGE]
                for record in rows.chunks()
            }
            yield from _section("Connections", self._connection_lines(document_id, rows, passages))

    def _connection_lines(
        self, document_id: UUID, rows: DocumentRows, passages: Mapping[int, str]
    ) -> Iterator[str]:
        here = None
        for record in rows.connections(self._wanted.document_ids):
            if record["user_validated"] is False or record["source_document_id"] != str(
                document_id
            ):
                continue
            if record["source_index"] != here:
                here = record["source_index"]
                yield f"\n“{passages.get(here, '')}…”\n"
            yield self._connection_line(record)

    def _connection_line(self, record: Record) -> str:
        target = UUID(record["target_document_id"])
        title = _one_line(self._titles.get(target) or record["target_title"] or str(target))
        name = self._names.get(target)
        shown = title.translate(_BRACKETS)
        link = f"[{shown}]({quote(name)})" if name else shown
        kind = str(record["connection_type"]).replace("_", " ")
        told = _one_line(str((record["metadata"] or {}).get("explanation") or ""))
        strength = "" if record["strength"] is None else f", {record['strength']:.2f}"
        return f"- {link} ({kind}{strength}){': ' + told if told else ''}"


_BRACKETS = str.maketrans({"[": "\\[", "]": "\\]"})


def _front_matter(document_id: UUID, document: Record) -> str:
    fields: dict[str, Any] = {"id": str(document_id)}
    fields |= {name: document[name] for name in _FRONT if document.get(name) is not None}
    told = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=1_000)
    return f"---\n{told}---\n\n"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading, where there is something below it."""
    stream = iter(lines)
    first = next(stream, None)
    if first is not None:
        yield f"\n\n## {title}\n"
        yield first
        yield from stream


def _annotation_lines(annotations: Iterable[Record]) -> Iterator[str]:
    for annotation in annotations:
        data = {one["component_type"]: one["data"] or {} for one in annotation["components"] or ()}
        quote_text = str(_within(data, "Position", "originalText") or "")
        note = str(_within(data, "Content", "note") or "")
        tags = _within(data, "Content", "tags")
        if quote_text:
            yield "\n" + "\n".join(f"> {line}" for line in quote_text.splitlines())
        if note:
            yield f"\n{note}"
        if isinstance(tags, list) and tags:
            yield "\n" + " ".join(f"#{_one_line(str(tag)).replace(' ', '-')}" for tag in tags)


def _within(data: Mapping[str, Any], component: str, name: str) -> Any:
    found = data.get(component) or data.get(component.lower())
    return found.get(name) if isinstance(found, dict) else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
