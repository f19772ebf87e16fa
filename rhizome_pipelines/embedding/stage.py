"""The stage `embeddings`: `chunks.json` in, `embeddings.parquet` and rows of chunks out."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from rhizome_pipelines.embedding.config import EmbeddingConfig
from rhizome_pipelines.embedding.cursor import ChunkCursor, Record, check_numbering
from rhizome_pipelines.embedding.models.model import EmbeddingModel, Vectors
from rhizome_pipelines.embedding.norms import NormStatistics
from rhizome_pipelines.embedding.ports import ChunkSink, EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.embedding.texts import embedded_text
from rhizome_pipelines.embedding.vectors_file import (
    VectorsFile,
    decode_part,
    encode_part,
    read_vectors,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.batches import chunk_batches, chunk_range
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit

EMBEDDINGS_FILE = "embeddings.parquet"


class EmbeddingStage:
    """Embeds one document's chunks and replaces its rows by them.

    `read_chunks` gives the records of the `chunks.json` at `chunks_path`, whose SHA-256 is
    `chunks_sha256`. `chunk_count`, where it is known, spares counting them.
    """

    VERSION: ClassVar[str] = "1"

    def __init__(
        self,
        document_id: UUID,
        chunks_path: Path,
        chunks_sha256: str,
        read_chunks: Callable[[Path], Iterator[Any]],
        model: EmbeddingModel,
        sink: ChunkSink,
        config: EmbeddingConfig,
        *,
        chunk_count: int | None = None,
    ) -> None:
        self._document_id = document_id
        self._chunks_path = chunks_path
        self._chunks_sha256 = chunks_sha256
        self._read_chunks = read_chunks
        self._model = model
        self._sink = sink
        self._config = config
        self._known_count = chunk_count
        self._cursor = ChunkCursor(chunks_path, read_chunks)

    @property
    def name(self) -> str:
        """`embeddings`."""
        return StageName.EMBEDDINGS.value

    @property
    def version(self) -> str:
        """Of this package's output."""
        return self.VERSION

    def dependencies(self) -> Mapping[str, str]:
        """The chunks, the model and the library that writes the file; never a key."""
        return {
            "document_id": str(self._document_id),
            "input:chunks.json": self._chunks_sha256,
            "model:embedding": self._model.name,
            "model:version": self._model.version,
            "pyarrow": installed_version("pyarrow"),
        }

    def units(self) -> Sequence[Unit]:
        """Batches of chunks. Raises InvalidInputError if there is none."""
        if not self._count:
            raise InvalidInputError("The document has no chunks to embed; chunk it again.")
        return chunk_batches(self._count, self._model.batch_size, "chunks_embedded")

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """The vectors of the unit's chunks, as Parquet."""
        batch = chunk_range(unit)
        texts = [
            embedded_text(record) for record in self._cursor.range(batch.start, batch.stop - 1)
        ]
        vectors = self._model.embed(texts)
        space = self._space(vectors)
        if space.dimensions > self._config.max_dimensions:
            raise InvalidInputError(
                f"The model {space.model} makes vectors of {space.dimensions} dimensions, but the "
                f"column holds {self._config.max_dimensions}; choose another model, or set "
                f"RHIZOME_EMBEDDING_DIMENSIONS to {self._config.max_dimensions} or less."
            )
        return encode_part(self._document_id, space, batch.start, vectors)

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Write the file, holding one row group at a time, then replace the document's rows."""
        path = scratch / EMBEDDINGS_FILE
        norms = NormStatistics()
        digest, space = self._write_file(path, parts, norms)
        rows = self._sink.replace(self._document_id, space, digest, self._embedded(path))
        if rows != norms.count:
            raise PermanentError(
                f"{norms.count} chunks were embedded, but {rows} rows were stored; "
                "look at the database's log."
            )
        facts = {
            "model": space.model,
            "dimensions": space.dimensions,
            "chunk_count": norms.count,
            "digest": digest,
            "norms": norms.facts(),
        }
        return StageOutput({EMBEDDINGS_FILE: path}, facts)

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """Says so if the rows in the database are not the ones that this stage wrote."""
        space = EmbeddingSpace(str(facts["model"]), int(facts["dimensions"]))
        stored = self._sink.digest(self._document_id, space)
        if stored is None:
            return ["the chunks are not in the database"]
        if stored != facts["digest"]:
            return ["the chunks in the database are of another set of vectors"]
        return []

    def _write_file(
        self, path: Path, parts: Iterable[tuple[Unit, bytes]], norms: NormStatistics
    ) -> tuple[str, EmbeddingSpace]:
        """Join the parts; the digest over model, chunks and vectors, and the space."""
        stream = iter(parts)
        _, data = next(stream)
        vectors = decode_part(data)
        space = self._space(vectors)
        digest = hashlib.sha256(
            f"{space.model}\n{space.dimensions}\n{self._chunks_sha256}\n".encode()
        )
        with VectorsFile(path, self._document_id, space) as file:
            while True:
                if self._space(vectors) != space:
                    raise PermanentError(
                        f"The model {space.model} answered with {space.dimensions} dimensions "
                        f"first and with {vectors.shape[1]} later; restart the job."
                    )
                digest.update(vectors.astype("<f4").tobytes())
                norms.add(vectors)
                file.add(vectors)
                following = next(stream, None)
                if following is None:
                    return digest.hexdigest(), space
                vectors = decode_part(following[1])

    def _embedded(self, path: Path) -> Iterator[EmbeddedChunk]:
        """Records zipped with ids and vectors, a block of each in memory."""
        records = iter(self._read_chunks(self._chunks_path))
        first = 0
        for ids, vectors in read_vectors(path, block=512):
            for position, identifier in enumerate(ids):
                record: Record = next(records, {})
                check_numbering([record], first + position)
                yield EmbeddedChunk(identifier, record, vectors[position])
            first += len(ids)
        if next(records, None) is not None:
            raise InvalidInputError("chunks.json has more chunks than were embedded; try again.")

    def _space(self, vectors: Vectors) -> EmbeddingSpace:
        return EmbeddingSpace(self._model.name, int(vectors.shape[1]))

    @cached_property
    def _count(self) -> int:
        if self._known_count is not None:
            return self._known_count
        return sum(1 for _ in self._read_chunks(self._chunks_path))
