"""A folder of markdown into pgvector by another library, for the comparison with ours.

    python benchmarks/programs/peers.py LIBRARY FOLDER DATABASE_URL EMBEDDER_URL STATE

Runs in an environment that has nothing of ours. Each reads the files, splits them at about 1,200
characters without overlap, asks EMBEDDER_URL for vectors, 64 texts at a time, and stores text and
vector in Postgres, written as the library's own documentation shows it. STATE is a folder for what
the library remembers (CocoIndex does, and does not do again what has not changed). Prints
`{"seconds", "chunks"}`; imports are not counted. With FOLDER `-` it only imports.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

CHARACTERS = 1_200
BATCH = 64
DIMENSIONS = 256
TIMEOUT = 60.0
"""Seconds for one answer, as ours has it."""
TABLE = "chunks"

Work = Callable[[Path, str, str, Path], None]


def cocoindex(*, in_flight: int | None = None, by_chunk: bool = False) -> Work:
    """A component is what is kept whole: a file, or a chunk (`by_chunk`).

    `in_flight`: how many are worked on at once, unless as many as the library does by itself.
    """
    os.environ["COCOINDEX_DISABLE_USAGE_TRACKING"] = "1"
    import asyncpg
    import cocoindex as coco
    import httpx
    import numpy as np
    from cocoindex.connectors import localfs, postgres
    from cocoindex.ops.text import RecursiveSplitter
    from cocoindex.resources.file import PatternFilePathMatcher
    from cocoindex.resources.id import IdGenerator
    from cocoindex.resources.schema import VectorSchema
    from numpy.typing import NDArray

    splitter = RecursiveSplitter()
    database = coco.ContextKey[asyncpg.Pool]("database")
    client = httpx.Client(timeout=TIMEOUT)
    where: dict[str, str] = {}

    @coco.fn.as_async(batching=True, max_batch_size=BATCH)
    def embed(texts: list[str]) -> list[NDArray[np.float32]]:
        found = ask(client, where["embedder"], texts)
        return [np.asarray(one, dtype=np.float32) for one in found]

    @dataclass
    class Row:
        id: int
        file: str
        text: str
        embedding: Annotated[
            NDArray[np.float32], VectorSchema(dtype=np.dtype(np.float32), size=DIMENSIONS)
        ]

    @coco.fn
    async def process_chunk(chunk: Any, file: Any, ids: Any, table: Any) -> None:
        vector = await embed(chunk.text)
        row = Row(await ids.next_id(chunk.text), str(file), chunk.text, vector)
        table.declare_row(row=row)

    @coco.fn(memo=True)
    async def process_file(file: Any, table: Any) -> None:
        text = await file.read_text()
        chunks = splitter.split(text, chunk_size=CHARACTERS, chunk_overlap=0, language="markdown")
        await coco.map(process_chunk, chunks, file.file_path.path, IdGenerator(), table)

    @coco.fn(memo=True)
    async def mounted_chunk(chunk: tuple[int, str], file: str, table: Any) -> None:
        number, text = chunk
        identity = hashlib.blake2b(f"{file}/{number}".encode(), digest_size=7).digest()
        row = Row(int.from_bytes(identity, "big"), file, text, await embed(text))
        table.declare_row(row=row)

    @coco.fn
    async def mount_chunks(file: Any, table: Any) -> None:
        text = await file.read_text()
        chunks = splitter.split(text, chunk_size=CHARACTERS, chunk_overlap=0, language="markdown")
        items = [(number, (number, chunk.text)) for number, chunk in enumerate(chunks)]
        await coco.mount_each(mounted_chunk, items, str(file.file_path.path), table)

    @coco.fn
    async def main_of_app(folder: Path) -> None:
        target = await postgres.mount_table_target(
            database,
            table_name=TABLE,
            table_schema=await postgres.TableSchema.from_class(Row, primary_key=["id"]),
        )
        files = localfs.walk_dir(
            folder, recursive=True, path_matcher=PatternFilePathMatcher(["**/*.md"])
        )
        await coco.mount_each(mount_chunks if by_chunk else process_file, files.items(), target)

    def work(folder: Path, url: str, embedder: str, state: Path) -> None:
        where["embedder"] = embedder

        @coco.lifespan
        async def lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
            builder.settings.db_path = state / "cocoindex"
            async with asyncpg.create_pool(url) as pool:
                builder.provide(database, pool)
                yield

        config = coco.AppConfig(name="Folder", max_inflight_components=in_flight)
        app = coco.App(config, main_of_app, folder=folder)
        app.update_blocking()

    return work


def llama_index() -> Work:
    import httpx
    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.vector_stores.postgres import PGVectorStore

    client = httpx.Client(timeout=TIMEOUT)

    class Embedding(BaseEmbedding):  # type: ignore[misc]
        url: str

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return ask(client, self.url, texts)

        def _get_text_embedding(self, text: str) -> list[float]:
            return ask(client, self.url, [text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    def work(folder: Path, url: str, embedder: str, state: Path) -> None:
        store = PGVectorStore.from_params(
            connection_string=url.replace("postgresql:", "postgresql+psycopg2:"),
            async_connection_string=url.replace("postgresql:", "postgresql+asyncpg:"),
            table_name=TABLE,
            embed_dim=DIMENSIONS,
        )
        pipeline = IngestionPipeline(
            transformations=[
                # A token is a character here.
                SentenceSplitter(chunk_size=CHARACTERS, chunk_overlap=0, tokenizer=list),
                Embedding(url=embedder, embed_batch_size=BATCH),
            ],
            vector_store=store,
        )
        reader = SimpleDirectoryReader(folder, required_exts=[".md"], exclude_hidden=False)
        pipeline.run(documents=reader.load_data())
        asyncio.run(store.close())

    return work


def ask(client: Any, url: str, texts: list[str]) -> list[list[float]]:
    answer = client.post(f"{url}/embeddings", json={"model": "hash", "input": texts})
    answer.raise_for_status()
    return [item["embedding"] for item in answer.json()["data"]]


LIBRARIES: dict[str, Callable[[], Work]] = {
    "cocoindex": cocoindex,
    "cocoindex_files": partial(cocoindex, in_flight=2),
    "cocoindex_chunks": partial(cocoindex, in_flight=BATCH, by_chunk=True),
    "llama_index": llama_index,
}


def main() -> None:
    name, folder, url, embedder, state = sys.argv[1:]
    work = LIBRARIES[name]()
    if folder == "-":
        print(json.dumps({"seconds": 0.0}))
        return
    began = time.perf_counter()
    work(Path(folder), url, embedder, Path(state))
    print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
