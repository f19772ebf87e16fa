"""The tables in an empty database, and beside those of a web application."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from rhizome_pipelines.database import migrations
from rhizome_pipelines.database.connection import connect
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

# A web application's tables, as they may well be: other names of constraints and triggers, other
# spellings of types, columns of its own, some of ours missing.
WEB_APPLICATION = """
create schema auth;
create table auth.users (id uuid primary key);
create function auth.uid() returns uuid language sql stable as 'select null::uuid';

create function public.touch() returns trigger language plpgsql as
    $$ begin new.updated_at = now(); return new; end $$;

create table documents (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users,
    title varchar(500) not null,
    source_type text,
    processing_status text default 'pending',
    metadata jsonb default '{}',
    favourite boolean not null default false,
    created_at timestamptz default now(),
    updated_at timestamptz default now());
create trigger keep_time before update on documents for each row execute function touch();

create table background_jobs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users,
    job_type text not null,
    status text default 'pending',
    progress jsonb default '{"percent": 0}',
    retry_count bigint default 0,
    paused_at timestamptz,
    created_at timestamptz default now(),
    constraint stati check (status in
        ('pending', 'processing', 'paused', 'completed', 'failed', 'cancelled', 'archived')));
create index idx_paused on background_jobs (status, paused_at) where status = 'paused';
alter table background_jobs enable row level security;
create policy own_jobs on background_jobs using (user_id = auth.uid());

insert into auth.users values ('00000000-0000-4000-8000-00000000000a');
insert into documents (id, user_id, title) values
    ('00000000-0000-4000-8000-00000000000d', '00000000-0000-4000-8000-00000000000a', 'Kept');
insert into background_jobs (user_id, job_type, status) values
    ('00000000-0000-4000-8000-00000000000a', 'process-document', 'archived');
"""


def rows(url: str, query: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
    with connect(url) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def run(url: str, script: str) -> None:
    with connect(url) as connection:
        connection.execute(script.encode())


def shape(url: str) -> Sequence[tuple[Any, ...]]:
    """Everything that a migration may change, as the catalogue tells it."""
    return rows(
        url,
        """
        select 'column', table_name || '.' || column_name,
               concat_ws(' ', data_type, is_nullable, column_default)
        from information_schema.columns where table_schema = 'public'
        union all
        select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
        union all
        select 'trigger', tgname || ' on ' || tgrelid::regclass, pg_get_triggerdef(oid)
        from pg_trigger where not tgisinternal
        union all
        select 'constraint', conname || ' on ' || conrelid::regclass, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
        union all
        select 'policy', policyname, coalesce(qual, '') from pg_policies
        union all
        select 'secured', relname, '' from pg_class where relrowsecurity
        order by 1, 2, 3
        """,
    )


def test_an_empty_database_gets_everything(empty_database_url: str) -> None:
    before = migrations.status(empty_database_url)
    assert (before.current, before.pending[-1]) == (None, before.head)
    assert migrations.migrate(empty_database_url) == list(before.pending)
    after = migrations.status(empty_database_url)
    assert (after.current, after.pending) == (before.head, ())
    tables = {
        name
        for (name,) in rows(
            empty_database_url, "select tablename from pg_tables where schemaname = 'public'"
        )
    }
    assert tables >= {
        "background_jobs", "job_attempts", "documents", "document_embeddings", "chunks",
        "connections", "entities", "components", "import_pending", "obsidian_sync_state",
        "cached_chunks", "user_settings", "rhizome_alembic_version",
    }  # fmt: skip
    assert rows(empty_database_url, "select relname from pg_class where relrowsecurity") == []


def test_a_second_time_changes_nothing(empty_database_url: str) -> None:
    migrations.migrate(empty_database_url)
    first = shape(empty_database_url)
    assert migrations.migrate(empty_database_url) == []
    run(empty_database_url, "drop table rhizome_alembic_version")
    assert migrations.migrate(empty_database_url) != []
    assert shape(empty_database_url) == first


def test_the_url_may_be_spelled_as_sqlalchemy_does(empty_database_url: str) -> None:
    rest = empty_database_url.partition("://")[2]
    assert migrations.migrate(f"postgresql+psycopg2://{rest}") != []
    assert migrations.status(f"postgres://{rest}").pending == ()


def test_racing_processes_migrate_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        ran = list(pool.map(migrations.migrate, [empty_database_url] * 6))
    assert sum(bool(revisions) for revisions in ran) == 1


def test_a_web_applications_tables_are_adopted(empty_database_url: str) -> None:
    run(empty_database_url, WEB_APPLICATION)
    before = shape(empty_database_url)
    job = rows(empty_database_url, "select * from background_jobs")
    assert migrations.migrate(empty_database_url) != []

    after = shape(empty_database_url)
    assert set(before) <= set(after), "something that was there has changed"
    assert rows(empty_database_url, "select * from background_jobs")[0][: len(job[0])] == job[0]
    named = {(kind, name) for kind, name, _ in after}
    assert ("column", "background_jobs.checkpoint_hash") in named
    assert ("column", "documents.source_metadata") in named
    assert ("trigger", "rhizome_touch_updated_at on background_jobs") in named
    assert ("trigger", "rhizome_touch_updated_at on documents") not in named, "touched twice"
    assert ("index", "background_jobs_paused") not in named, "the same index twice"
    assert ("index", "background_jobs_retry") in named

    run(empty_database_url, "drop table rhizome_alembic_version")
    migrations.migrate(empty_database_url)
    assert shape(empty_database_url) == after


def test_new_tables_belong_to_the_applications_users_and_are_closed(
    empty_database_url: str,
) -> None:
    run(empty_database_url, WEB_APPLICATION)
    migrations.migrate(empty_database_url)
    secured = {name for kind, name, _ in shape(empty_database_url) if kind == "secured"}
    assert {"job_attempts", "chunks", "entities", "background_jobs"} <= secured
    assert "documents" not in secured, "the application has left its own table open"
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(
            empty_database_url,
            f"insert into entities (user_id, entity_type) values ('{uuid4()}', 'annotation')",
        )


def test_all_mismatches_are_told_in_one_sentence_and_nothing_changes(
    empty_database_url: str,
) -> None:
    run(
        empty_database_url,
        """
        create table background_jobs (id uuid primary key, user_id text not null,
            job_type text not null, progress text,
            status text check (status in ('pending', 'processing', 'completed')));
        create table chunks (id uuid primary key, document_id uuid, content text);
        """,
    )
    before = shape(empty_database_url)
    with pytest.raises(InvalidInputError) as refused:
        migrations.migrate(empty_database_url)
    assert refused.value.message == (
        "The existing tables do not fit, and nothing was changed: "
        "background_jobs.user_id is of type text, not uuid; "
        "background_jobs.progress is of type text, not jsonb; "
        "chunks has no column chunk_index; "
        "the CHECK background_jobs_status_check on background_jobs.status refuses "
        "'paused', 'failed', 'cancelled'."
    )
    assert shape(empty_database_url) == before
    assert migrations.status(empty_database_url).current is None


def test_duplicates_that_forbid_an_index_are_told(empty_database_url: str) -> None:
    run(
        empty_database_url,
        """
        create table documents (id uuid primary key default gen_random_uuid(), user_id uuid);
        create table chunks (id uuid primary key default gen_random_uuid(), content text not null,
            document_id uuid not null, chunk_index int not null, is_current bool default true);
        insert into chunks (content, document_id, chunk_index) select 'x', d, 1
            from gen_random_uuid() d, generate_series(1, 2);
        """,
    )
    with pytest.raises(PermanentError, match=r"nothing in it was changed: .*chunks_current"):
        migrations.migrate(empty_database_url)
    assert migrations.status(empty_database_url).current is None


def test_a_vector_column_of_another_width_is_taken_as_it_is(empty_database_url: str) -> None:
    run(
        empty_database_url,
        """
        create schema extensions;
        create extension vector schema extensions;
        create table documents (id uuid primary key, user_id uuid not null);
        create table chunks (id uuid primary key, document_id uuid not null, content text not null,
            chunk_index int not null, embedding extensions.vector(1024));
        """,
    )
    migrations.migrate(empty_database_url)
    kept = rows(
        empty_database_url,
        "select atttypmod from pg_attribute where attrelid = 'chunks'::regclass "
        "and attname = 'embedding'",
    )
    assert kept == [(1024,)]


def test_a_database_of_a_newer_version_is_left_alone(empty_database_url: str) -> None:
    migrations.migrate(empty_database_url)
    run(empty_database_url, "update rhizome_alembic_version set version_num = '9999'")
    with pytest.raises(InvalidInputError, match="'9999', which this version"):
        migrations.migrate(empty_database_url)


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
