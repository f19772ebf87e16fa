"""The embedding stage: the same bytes however it was interrupted, and the rows that it hands on."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rhizome_pipelines.embedding import EmbeddingConfig, EmbeddingStage, open_model, read_vectors
from rhizome_pipelines.embedding.models.model import EmbeddingModel
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.stages.stage import StageOutput

DOCUMENT = UUID("6f1b7c8a-0000-4000-8000-00000000000a")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def chunks_file(folder: Path, count: int) -> Path:
    path = folder / "chunks.jsonl"
    records = (
        {
            "chunk_index": index,
            "content": f"Passage {index} on tides, harbours and the moon." if index % 7 else " ",
            "heading_path": ["The sea", f"Section {index // 10}"],
        }
        for index in range(count)
    )
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@dataclass
class Rows:
    """Keeps what `ChunkSink` asks for."""

    kept: dict[UUID, list[EmbeddedChunk]] = field(default_factory=dict)
    digests: dict[tuple[UUID, EmbeddingSpace], str] = field(default_factory=dict)

    def replace(
        self, document_id: UUID, space: EmbeddingSpace, digest: str, chunks: Iterable[EmbeddedChunk]
    ) -> int:
        self.kept[document_id] = list(chunks)
        self.digests = {(document_id, space): digest}
        return len(self.kept[document_id])

    def digest(self, document_id: UUID, space: EmbeddingSpace) -> str | None:
        return self.digests.get((document_id, space))


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return open_model(EmbeddingConfig())


def stage(path: Path, model: EmbeddingModel, rows: Rows, **options: Any) -> EmbeddingStage:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return EmbeddingStage(
        DOCUMENT, path, sha256, read_lines, model, rows, EmbeddingConfig(), **options
    )


def heard(fraction: float, details: str) -> None:
    assert 0 <= fraction <= 1


def run(built: EmbeddingStage, scratch: Path) -> StageOutput:
    scratch.mkdir()
    return built.finish(((unit, built.work(unit, heard)) for unit in built.units()), scratch)


def test_rows_and_file_hold_the_same_vectors_in_order(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    rows = Rows()
    output = run(stage(chunks_file(tmp_path, 600), model, rows), tmp_path / "scratch")
    kept = rows.kept[DOCUMENT]
    assert [chunk.id for chunk in kept] == [uuid5(DOCUMENT, str(i)) for i in range(600)]
    assert [chunk.record["chunk_index"] for chunk in kept] == list(range(600))
    frame = pd.read_parquet(output.files["embeddings.parquet"])
    assert list(frame["chunk_index"]) == list(range(600))
    assert list(frame["id"]) == [str(chunk.id) for chunk in kept]
    assert np.array_equal(np.stack(frame["vector"]), np.stack([chunk.vector for chunk in kept]))


def test_facts_tell_model_counts_and_lengths(tmp_path: Path, model: EmbeddingModel) -> None:
    output = run(stage(chunks_file(tmp_path, 15), model, Rows()), tmp_path / "scratch")
    assert output.facts["model"] == "wordllama-0.4-l2-256"
    assert output.facts["dimensions"] == 256
    assert output.facts["chunk_count"] == 15
    assert output.facts["norms"]["zero"] == 3
    assert output.facts["norms"]["min"] == pytest.approx(1.0, abs=1e-5)


def test_metadata_of_the_file(tmp_path: Path, model: EmbeddingModel) -> None:
    output = run(stage(chunks_file(tmp_path, 3), model, Rows()), tmp_path / "scratch")
    metadata = pq.read_schema(output.files["embeddings.parquet"]).metadata
    assert metadata[b"version"] == b"1.0"
    assert metadata[b"document_id"] == str(DOCUMENT).encode()
    assert metadata[b"model"] == b"wordllama-0.4-l2-256"
    assert metadata[b"dimensions"] == b"256"


def test_an_interrupted_stage_gives_the_same_bytes(tmp_path: Path, model: EmbeddingModel) -> None:
    path = chunks_file(tmp_path, 700)
    whole = run(stage(path, model, Rows()), tmp_path / "whole")
    first = stage(path, model, Rows())
    kept = {unit.key: first.work(unit, heard) for unit in first.units()[1:2]}
    second = stage(path, model, Rows(), chunk_count=700)
    parts = [(u, kept.get(u.key) or second.work(u, heard)) for u in reversed(second.units())]
    (tmp_path / "resumed").mkdir()
    resumed = second.finish(reversed(parts), tmp_path / "resumed")
    name = "embeddings.parquet"
    assert resumed.files[name].read_bytes() == whole.files[name].read_bytes()
    assert resumed.facts == whole.facts


def test_units_are_absolute_batches(tmp_path: Path, model: EmbeddingModel) -> None:
    units = stage(chunks_file(tmp_path, 300), model, Rows()).units()
    assert [unit.key for unit in units] == ["chunks-000000-000255", "chunks-000256-000299"]
    assert units[-1].counters == {"chunks_embedded": 300, "chunks_total": 300}


def test_missing_rows_and_other_rows_are_noticed(tmp_path: Path, model: EmbeddingModel) -> None:
    rows = Rows()
    built = stage(chunks_file(tmp_path, 5), model, rows)
    facts = run(built, tmp_path / "scratch").facts
    assert built.missing_effects(facts) == []
    rows.digests = dict.fromkeys(rows.digests, "0" * 64)
    assert built.missing_effects(facts) == [
        "the chunks in the database are of another set of vectors"
    ]
    rows.digests.clear()
    assert built.missing_effects(facts) == ["the chunks are not in the database"]


def test_the_digest_changes_with_the_chunks(tmp_path: Path, model: EmbeddingModel) -> None:
    digests = set()
    for count in (5, 6):
        folder = tmp_path / str(count)
        folder.mkdir()
        output = run(stage(chunks_file(folder, count), model, Rows()), folder / "scratch")
        digests.add(output.facts["digest"])
    assert len(digests) == 2


def test_no_chunks_is_said_in_a_sentence(tmp_path: Path, model: EmbeddingModel) -> None:
    with pytest.raises(InvalidInputError, match="no chunks"):
        stage(chunks_file(tmp_path, 0), model, Rows()).units()


@pytest.mark.parametrize("numbers", [[0, 2], [1, 2], [0, None]])
def test_wrongly_numbered_chunks_are_refused(
    tmp_path: Path, model: EmbeddingModel, numbers: list[int | None]
) -> None:
    path = tmp_path / "chunks.jsonl"
    path.write_text("".join(json.dumps({"chunk_index": n, "content": "a"}) + "\n" for n in numbers))
    built = stage(path, model, Rows())
    with pytest.raises(InvalidInputError, match="numbered"):
        built.work(built.units()[0], heard)


def test_fewer_chunks_than_told_are_refused(tmp_path: Path, model: EmbeddingModel) -> None:
    built = stage(chunks_file(tmp_path, 3), model, Rows(), chunk_count=4)
    with pytest.raises(InvalidInputError, match="ends before chunk 3"):
        built.work(built.units()[0], heard)


def test_more_chunks_than_told_are_refused(tmp_path: Path, model: EmbeddingModel) -> None:
    built = stage(chunks_file(tmp_path, 5), model, Rows(), chunk_count=4)
    with pytest.raises(InvalidInputError, match="more chunks"):
        run(built, tmp_path / "scratch")


class WideModel:
    """As many dimensions as it is told, one after the other."""

    name, version, batch_size, connection_threshold = "wide", "1", 2, None
    space = EmbeddingSpace("wide", 4)

    def __init__(self, *widths: int) -> None:
        self._widths = iter(widths)

    def embed(self, texts: Any) -> Any:
        return np.ones((len(texts), next(self._widths)), dtype=np.float32)


def test_vectors_wider_than_the_column_are_refused_at_once(tmp_path: Path) -> None:
    built = stage(chunks_file(tmp_path, 2), WideModel(1_024), Rows())
    with pytest.raises(InvalidInputError, match="RHIZOME_EMBEDDING_DIMENSIONS to 768"):
        built.work(built.units()[0], heard)


def test_dimensions_that_change_midway_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="4 dimensions first and with 5 later"):
        run(stage(chunks_file(tmp_path, 4), WideModel(4, 5), Rows()), tmp_path / "scratch")


def test_a_file_of_another_version_is_refused(tmp_path: Path, model: EmbeddingModel) -> None:
    output = run(stage(chunks_file(tmp_path, 3), model, Rows()), tmp_path / "scratch")
    table = pq.read_table(output.files["embeddings.parquet"])
    other = tmp_path / "tmpcopy"
    pq.write_table(table.replace_schema_metadata({"version": "2.0"}), other)
    with pytest.raises(InvalidInputError, match=r"embeddings\.parquet has version '2\.0'"):
        next(read_vectors(other))
    pq.write_table(table.replace_schema_metadata({}), other)
    with pytest.raises(InvalidInputError, match=r"embeddings\.parquet does not say its version"):
        next(read_vectors(other))
    for column in (
        pa.array([[1.0], [2.0], [3.0]]),
        pa.array([["a"]] * 3, pa.list_(pa.string(), 1)),
    ):
        place = table.schema.get_field_index("vector")
        strange = table.set_column(place, "vector", column)
        pq.write_table(strange.replace_schema_metadata({"version": "1.0"}), other)
        with pytest.raises(InvalidInputError, match=r"'vector' of embeddings\.parquet holds "):
            next(read_vectors(other))
    other.write_bytes(b"not Parquet")
    with pytest.raises(InvalidInputError, match="not a readable Parquet file"):
        next(read_vectors(other))
