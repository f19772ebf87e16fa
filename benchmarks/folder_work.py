"""A folder of markdown into pgvector: by `rhizome process`, and by other libraries."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import sql

from benchmarks.competitors import python_of_peers
from benchmarks.workshop import ROOT, CannotMeasureError, Workshop, run
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.server.postgres import EmbeddedPostgres

PROGRAMS = Path(__file__).parent / "programs"
PEERS = {"cocoindex": "CocoIndex", "llama_index": "LlamaIndex"}
TABLES = {
    "cocoindex": "chunks",
    "cocoindex_files": "chunks",
    "cocoindex_chunks": "chunks",
    "llama_index": "data_chunks",
}


@contextmanager
def embedder() -> Iterator[str]:
    """An embedding service that costs next to nothing; its base URL (`…/v1`)."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAMS / "embedder.py")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline().strip() if process.stdout is not None else ""
        if not line:
            raise CannotMeasureError("The embedding service of the benchmark did not start.")
        yield f"http://127.0.0.1:{line}/v1"
    finally:
        process.kill()
        process.wait()


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables of this process, and of those that it starts, for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def hash_model(base_url: str) -> dict[str, str]:
    """Settings with which ours asks the service of `embedder`."""
    return {"RHIZOME_EMBEDDING_MODEL": "endpoint:hash", "RHIZOME_EMBEDDING_BASE_URL": base_url}


def rhizome(home: Path, arguments: Sequence[str | Path]) -> float:
    """Run the command as a person does; the seconds from its start to its end."""
    command = Path(sys.executable).with_name("rhizome")
    began = time.perf_counter()
    run([command, *arguments], cwd=ROOT, env={**os.environ, "RHIZOME_HOME": str(home)})
    return time.perf_counter() - began


@dataclass(frozen=True)
class Peer:
    """Another library with a database and a memory of its own."""

    name: str
    python: Path
    url: str
    embedder: str
    state: Path

    def index(self, folder: Path) -> dict[str, float]:
        """Bring the folder in: `{"seconds", "whole"}`, without and with the process' start."""
        return self._run(str(folder))

    def only_start(self) -> float:
        """Seconds that a process takes which imports the same and ends."""
        return self._run("-")["whole"]

    def chunks(self) -> int:
        with Database(self.url) as database, database.connection() as connection:
            table = sql.Identifier(TABLES[self.name])
            row = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchone()
        return int(row[0]) if row is not None else 0

    def command(self, folder: str) -> list[str | Path]:
        """What brings the folder in; `-` for none."""
        program = [self.python, PROGRAMS / "peers.py", self.name]
        return [*program, folder, self.url, self.embedder, self.state]

    def _run(self, folder: str) -> dict[str, float]:
        began = time.perf_counter()
        answer = run(self.command(folder))
        whole = time.perf_counter() - began
        return {"whole": whole, **json.loads(answer.stdout.strip().splitlines()[-1])}


@contextmanager
def peer(workshop: Workshop, name: str, embedder_url: str) -> Iterator[Peer]:
    """A peer that knows nothing yet, in an embedded Postgres that runs; removed afterwards."""
    python = python_of_peers(workshop)
    with workshop.folder(name) as path:
        server = EmbeddedPostgres(path)
        lease = server.lease()
        try:
            server.ensure_database(name)
            state = path / "state"
            state.mkdir()
            yield Peer(name, python, server.url(name), embedder_url, state)
        finally:
            lease.release()
            server.stop()


def chunk_count(database: Database, user: UUID) -> int:
    """Chunks of a user that ours has stored with a vector."""
    row: dict[str, Any] | None = database.first(
        """
        select count(*) as count from chunks c join documents d on d.id = c.document_id
        where d.user_id = %s and c.is_current and c.embedding is not null
        """,
        (user,),
    )
    return int(row["count"]) if row is not None else 0
