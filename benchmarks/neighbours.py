"""Connections of one new document of 200 chunks: the exact product, or an index (HNSW).

Both are asked for the 50 nearest of each chunk among 10,000 and 100,000 chunks of the same user,
and among 10,000 of a user in a table with 90,000 of others. The exact product is the stage
`connections` as it runs, reading vectors included. HNSW is pgvector's, with its defaults for
building, and is asked chunk by chunk. For a million chunks both are reckoned from what they took
for 100,000: the product and the building of the index grow with the rows, a search hardly.
"""

import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from benchmarks.deployment import Home, new_home
from benchmarks.made_library import DIGEST, SPACE, MadeDocument, made_vectors, make_document
from benchmarks.workshop import Workshop, say
from rhizome_pipelines.connections.config import ConnectionsConfig
from rhizome_pipelines.connections.semantic import SemanticSimilarityEngine
from rhizome_pipelines.connections.stage import ConnectionsStage
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.vector_format import encode_vector, register_vectors
from rhizome_pipelines.database.vectors import PostgresCorpus

SOURCES = 200
NEAREST = 50
EACH = 2_000
"""Chunks of each document of the corpus."""
SMALL, LARGE = 10_000, 100_000
MILLION = 1_000_000
THRESHOLD = 0.5
EF_SEARCH = 200

BUILD = "create index bench_hnsw on chunks using hnsw (embedding vector_cosine_ops)"
# As an index is asked: the nearest of all first, then those of the user.
SEARCH = """
    select c.id from chunks c join documents d on d.id = c.document_id
    where d.user_id = %(user)s and c.document_id <> %(own)s and c.is_current
    order by c.embedding <=> %(vector)s limit %(nearest)s"""


@dataclass(frozen=True)
class Library:
    """What is searched: the new document, and the ids and vectors of the user's other chunks."""

    user: UUID
    own: MadeDocument
    ids: Sequence[UUID]
    vectors: NDArray[np.float32]


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"sources", "nearest", "rows": [{"name", "chunks", "exact", "build", "search", "recall"}]}`.

    Seconds; `recall` is the share (0–1) of the true nearest that the index finds.
    """
    small, large = (400, 2_000) if workshop.quick else (SMALL, LARGE)
    each = 200 if workshop.quick else EACH
    rows = []
    with new_home(workshop) as home:
        user, others = uuid4(), uuid4()
        own = make_document(home, user, SOURCES, 0)
        for number in range(1, small // each + 1):
            make_document(home, user, each, number)
        rows.append(_measured(home, "all of one user", user, own))
        for number in range(small // each + 1, large // each + 1):
            say(f"neighbours: making document {number} of {large // each}")
            make_document(home, others, each, number)
        rows.append(_measured(home, f"{small:,} of {large:,} of several users", user, own))
        home.services.database.execute(
            "update documents set user_id = %s where user_id = %s", (user, others)
        )
        rows.append(_measured(home, "all of one user", user, own))
    return {"sources": SOURCES, "nearest": NEAREST, "ef_search": EF_SEARCH, "rows": rows}


def _measured(home: Home, name: str, user: UUID, own: MadeDocument) -> dict[str, Any]:
    home.services.database.execute("analyze chunks")
    library = _library(home, user, own)
    say(f"neighbours: the product, {len(library.ids):,} chunks ({name})")
    exact = _exact_seconds(home, library)
    say("neighbours: building the index")
    with _index(home) as build:
        say("neighbours: searching")
        search, recall = _searched(home, library)
    return {
        "name": name,
        "chunks": len(library.ids),
        "exact": exact,
        "build": build,
        "search": search,
        "recall": recall,
    }


def _library(home: Home, user: UUID, own: MadeDocument) -> Library:
    corpus = PostgresCorpus(home.services.database)
    found = [d.id for d in corpus.documents(user, SPACE.model) if d.id != own.document.id]
    blocks = [*corpus.vectors(user, SPACE.model, found, 10_000)]
    ids = [one for block in blocks for one in block.ids]
    return Library(user, own, ids, np.concatenate([block.vectors for block in blocks]))


def _exact_seconds(home: Home, library: Library) -> float:
    """The units of the stage, which find and keep; what they find is not stored."""
    database = home.services.database
    stage = ConnectionsStage(
        library.own.document.id,
        library.user,
        SPACE.model,
        DIGEST,
        PostgresCorpus(database),
        PostgresEdgeSink(database),
        [SemanticSimilarityEngine(THRESHOLD)],
        ConnectionsConfig(per_chunk=NEAREST),
    )
    began = time.perf_counter()
    for unit in stage.units():
        stage.work(unit, lambda _fraction, _details: None)
    return time.perf_counter() - began


@contextmanager
def _index(home: Home) -> Any:
    """An index while it is open; the seconds that it took to build."""
    database = home.services.database
    with database.connection() as connection:
        connection.execute("set maintenance_work_mem = '2GB'")
        began = time.perf_counter()
        connection.execute(BUILD)
        connection.commit()
        seconds = time.perf_counter() - began
    try:
        yield seconds
    finally:
        database.execute("drop index bench_hnsw")


def _searched(home: Home, library: Library) -> tuple[float, float]:
    """Seconds for all chunks of the new document, and the recall."""
    sources = made_vectors(SOURCES, 0)
    true = np.argsort(-(sources @ library.vectors.T), axis=1)[:, :NEAREST]
    found: list[list[UUID]] = []
    with home.services.database.connection() as connection:
        register_vectors(connection)
        connection.execute("set enable_seqscan = off")
        connection.execute("set enable_sort = off")
        connection.execute(f"set hnsw.ef_search = {EF_SEARCH}")
        # Go on until enough are found that are the user's.
        connection.execute("set hnsw.iterative_scan = strict_order")
        wanted = {"user": library.user, "own": library.own.document.id, "nearest": NEAREST}
        began = time.perf_counter()
        for vector in sources:
            encoded = encode_vector(vector, SPACE.dimensions)
            rows = connection.execute(SEARCH, {**wanted, "vector": encoded}).fetchall()
            found.append([row[0] for row in rows])
        seconds = time.perf_counter() - began
    hits = sum(
        len({library.ids[place] for place in places} & {*ids})
        for places, ids in zip(true.tolist(), found, strict=True)
    )
    return seconds, hits / true.size


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    rows = found["rows"]
    largest = rows[-1]
    scale = MILLION / largest["chunks"]
    lines = [
        f"{found['sources']} new chunks, the {found['nearest']} nearest of each; "
        f"`hnsw.ef_search` {found['ef_search']}, iterative scans.",
        "",
        "| compared with | exact product | HNSW: search | to exact | recall | HNSW: building "
        "| pays after | the code picks |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    lines += [_row(f"{one['chunks']:,}, {one['name']}", one, "") for one in rows]
    reckoned = {
        "exact": largest["exact"] * scale,
        "build": largest["build"] * scale,
        "search": largest["search"],
        "recall": None,
    }
    lines.append(_row(f"{MILLION:,}, reckoned", reckoned, "about "))
    return "\n".join(lines)


def _row(name: str, one: dict[str, Any], about: str) -> str:
    saved = one["exact"] - one["search"]
    pays = f"{one['build'] / saved:,.0f} documents" if saved > 0 else "never"
    recall = "–" if one["recall"] is None else f"{one['recall']:.3f}"
    return (
        f"| {name} | {about}{one['exact']:,.2f} s | {about}{one['search']:,.2f} s "
        f"| {one['exact'] / one['search']:.1f}× | {recall} | {about}{one['build']:,.0f} s | {pays} "
        f"| exact product |"
    )
