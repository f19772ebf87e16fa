"""What the tables themselves refuse and keep up to date."""

from collections.abc import Sequence
from uuid import uuid4

import psycopg
import pytest

from tests.integration.database.scripts import rows, run


@pytest.mark.parametrize(
    ("statement", "allowed", "refused"),
    [
        (
            "insert into background_jobs (user_id, job_type, status) values ({user}, 'x', {value})",
            ["pending", "processing", "paused", "completed", "failed", "cancelled"],
            ["done", ""],
        ),
        (
            "insert into background_jobs (user_id, job_type, error_type) "
            "values ({user}, 'x', {value})",
            ["transient", "permanent", "paywall", "invalid"],
            ["fatal"],
        ),
        (
            "insert into documents (user_id, source_type) values ({user}, {value})",
            ["pdf", "epub", "youtube", "web_url", "markdown_asis", "markdown_clean", "txt",
             "paste"],
            ["docx"],
        ),
        (
            "insert into chunks (document_id, content, chunk_index, chunker_type) "
            "select id, 'x', (random() * 1e6)::int, {value} from documents",
            ["hybrid", "token", "sentence", "recursive", "semantic", "late", "code", "neural",
             "slumber", "table"],
            ["page"],
        ),
        (
            "insert into chunks (document_id, content, chunk_index, position_confidence) "
            "select id, 'x', (random() * 1e6)::int, {value} from documents",
            ["exact", "high", "medium", "synthetic"],
            ["low"],
        ),
        (
            "insert into chunks (document_id, content, chunk_index, importance_score) "
            "select id, 'x', (random() * 1e6)::int, {value}::float8 from documents",
            ["0", "0.5", "1"],
            ["-0.1", "1.1"],
        ),
        (
            "insert into import_pending (user_id, document_id, status) "
            "select user_id, id, {value} from documents",
            ["pending", "accepted", "rejected"],
            ["maybe"],
        ),
        (
            "insert into components (entity_id, component_type, recovery_method) "
            "select id, 'Position', {value} from entities",
            ["exact", "context", "chunk_bounded", "trigram", "lost"],
            ["guess"],
        ),
    ],
)  # fmt: skip
def test_checks(
    database_url: str, statement: str, allowed: Sequence[str], refused: Sequence[str]
) -> None:
    user = f"'{uuid4()}'"
    run(
        database_url,
        f"insert into documents (user_id) values ({user}); "
        f"insert into entities (user_id) values ({user})",
    )
    for value in allowed:
        run(database_url, statement.format(user=user, value=f"'{value}'"))
    for value in refused:
        with pytest.raises(psycopg.errors.CheckViolation):
            run(database_url, statement.format(user=user, value=f"'{value}'"))


def test_connections_are_unique_between_two_chunks(database_url: str) -> None:
    run(
        database_url,
        f"""
        insert into documents (user_id) values ('{uuid4()}');
        insert into chunks (document_id, content, chunk_index)
            select id, 'x', n from documents, generate_series(0, 1) n;
        """,
    )
    edge = (
        "insert into connections (source_chunk_id, target_chunk_id, connection_type, strength) "
        "select s.id, t.id, '{kind}', {strength} from chunks s, chunks t "
        "where s.chunk_index = 0 and t.chunk_index = {target}"
    )
    run(database_url, edge.format(kind="semantic_similarity", strength=1, target=1))
    run(database_url, edge.format(kind="thematic_bridge", strength=0, target=1))
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(database_url, edge.format(kind="thematic_bridge", strength=0.5, target=1))
    for kind, strength, target in [
        ("contradiction_detection", 0.5, 0),
        ("contradiction_detection", 1.5, 1),
        ("friendship", 0.5, 1),
    ]:
        with pytest.raises(psycopg.errors.CheckViolation):
            run(database_url, edge.format(kind=kind, strength=strength, target=target))
    run(database_url, "delete from documents")
    assert rows(database_url, "select count(*) from connections") == [(0,)]


def test_the_queues_index_of_current_chunks_lets_old_ones_be(database_url: str) -> None:
    chunk = (
        "insert into chunks (document_id, content, chunk_index, is_current) "
        "select id, 'x', 0, {} from documents"
    )
    run(database_url, f"insert into documents (user_id) values ('{uuid4()}')")
    run(database_url, chunk.format("true"))
    run(database_url, chunk.format("false"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(database_url, chunk.format("true"))


@pytest.mark.parametrize("table", ["background_jobs", "documents"])
def test_updated_at_follows(database_url: str, table: str) -> None:
    column = ", job_type" if table == "background_jobs" else ""
    value = ", 'x'" if table == "background_jobs" else ""
    run(
        database_url,
        f"insert into {table} (user_id, updated_at{column}) values ('{uuid4()}', '2000-01-01'"
        f"{value})",
    )
    run(database_url, f"""update {table} set metadata = '{{"a": 1}}'""")
    assert rows(database_url, f"select updated_at > '2001-01-01' from {table}") == [(True,)]
