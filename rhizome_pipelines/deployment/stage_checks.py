"""Checks of what a stage left behind, made right after it; a fault blocks what comes next."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.chunking import read_chunks
from rhizome_pipelines.connections import CONNECTIONS_FILE
from rhizome_pipelines.connections.edges_file import read_edges
from rhizome_pipelines.connections.ports import Edge
from rhizome_pipelines.database.overview import embedded_chunks
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import RhizomeError, TransientError
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.markdown.utf16 import Utf16Window

SHOWN_FAULTS = 5


@dataclass(frozen=True)
class StageCheck:
    """One check's answer; sound if there are no faults."""

    name: str
    passed: str
    faults: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


CHECK_NAMES: Mapping[StageName, Mapping[str, str]] = {
    StageName.EXTRACTION: {
        "extraction_is_stored": "What is stored has the hash that the checkpoint records.",
    },
    StageName.CHUNKING: {
        "chunking_is_stored": "What is stored has the hash that the checkpoint records.",
        "offsets_are_exact": "Every chunk is the very text between its offsets (UTF-16 units) "
        "of content.md.",
    },
    StageName.EMBEDDINGS: {
        "embeddings_are_stored": "What is stored has the hash that the checkpoint records.",
        "every_chunk_is_embedded": "There is a vector and a row for every chunk.",
    },
    StageName.CONNECTIONS: {
        "connections_are_stored": "What is stored has the hash that the checkpoint records.",
        "connections_are_sound": "No connection stands twice or leads to its own chunk; the "
        "counts of the engines add up.",
    },
}
"""The checks of each stage, with what each says when it passes."""


def check_stage(
    services: Services, document: Document, stage: StageName, checkpoint: StageCheckpoint
) -> Sequence[StageCheck]:
    """Make the stage's checks. Storage and database faults propagate."""
    store = services.checkpoints(document)

    def stored() -> tuple[list[str], dict[str, int]]:
        found = store.load_final(stage.value)
        differs = found.content_digest != checkpoint.content_digest
        return (["the stored checkpoint is another one"] if differs else []), {
            "files": len(found.outputs),
            "bytes": sum(output.size for output in found.outputs.values()),
        }

    def offsets() -> tuple[list[str], dict[str, int]]:
        extraction = store.load_final(StageName.EXTRACTION.value)
        with (
            store.open_output(extraction, "content.md") as content,
            store.open_output(checkpoint, "chunks.json") as chunks,
        ):
            return _offset_faults(content, chunks)

    def embedded() -> tuple[list[str], dict[str, int]]:
        chunking = store.load_final(StageName.CHUNKING.value)
        wanted = int(chunking.facts["chunk_count"])
        vectors = int(checkpoint.facts["chunk_count"])
        rows = embedded_chunks(services.database, document.user_id, document.id)
        faults = [
            f"{wanted} chunks, but {found} {what}"
            for what, found in (("vectors", vectors), ("rows", rows))
            if found != wanted
        ]
        return faults, {"chunks": wanted, "vectors": vectors, "rows": rows}

    def sound() -> tuple[list[str], dict[str, int]]:
        with store.open_output(checkpoint, CONNECTIONS_FILE) as path:
            return _edge_faults(read_edges(path), checkpoint.facts["by_type"])

    looks: Mapping[str, Callable[[], tuple[list[str], dict[str, int]]]] = {
        "offsets_are_exact": offsets,
        "every_chunk_is_embedded": embedded,
        "connections_are_sound": sound,
    }
    return [
        _answer(name, passed, looks.get(name, stored))
        for name, passed in CHECK_NAMES[stage].items()
    ]


def _answer(
    name: str, passed: str, look: Callable[[], tuple[list[str], dict[str, int]]]
) -> StageCheck:
    try:
        faults, counts = look()
    except TransientError:
        raise
    except RhizomeError as error:
        faults, counts = [error.message], {}
    return StageCheck(name, passed, faults, counts)


def _edge_faults(
    edges: Iterable[Edge], recorded: Mapping[str, int]
) -> tuple[list[str], dict[str, int]]:
    """Look for connections that cannot be; the counts are those of the engines."""
    counts = dict.fromkeys(recorded, 0)
    seen: set[tuple[bytes, bytes, str]] = set()
    to_themselves = 0
    for edge in edges:
        counts[edge.type.value] = counts.get(edge.type.value, 0) + 1
        seen.add((edge.source.bytes, edge.target.bytes, edge.type.value))
        to_themselves += edge.source == edge.target
    twice = sum(counts.values()) - len(seen)
    faults = [f"{twice} connections stand twice"] if twice else []
    faults += [f"{to_themselves} connections lead to their own chunk"] if to_themselves else []
    faults += ["the engines' counts are not those recorded"] if counts != dict(recorded) else []
    return faults, counts


def _offset_faults(content: Path, chunks: Path) -> tuple[list[str], dict[str, int]]:
    """Compare every chunk with the text between its offsets, holding one window of the text."""
    faults: list[str] = []
    count = 0
    text = Utf16Window(content)
    for record in read_chunks(chunks):
        count += 1
        if text.between(record["start_offset"], record["end_offset"]) != record["content"]:
            faults.append(f"chunk {record['chunk_index']} is not the text between its offsets")
            if len(faults) == SHOWN_FAULTS:
                break
    return faults, {"chunks": count}
