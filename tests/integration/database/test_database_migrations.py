"""The tables in an empty database, and beside those of a web application."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from rhizome_pipelines.database import migrations
from rhizome_pipelines.database.migrations import standing
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from tests.integration.database.scripts import rows, run

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


def test_the_files_are_named_after_the_revisions_that_alembic_runs() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    walked = ScriptDirectory.from_config(config).walk_revisions()
    assert [revision.revision for revision in walked] == standing.revisions()[::-1]


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


def test_jobs_of_no_status_are_adopted_as_pending(empty_database_url: str) -> None:
    run(empty_database_url, WEB_APPLICATION)
    run(
        empty_database_url,
        "insert into background_jobs (user_id, job_type, status) "
        "select user_id, 'process_document', null from documents",
    )

    migrations.migrate(empty_database_url)
    run(
        empty_database_url,
        "insert into background_jobs (user_id, job_type, status) "
        "select user_id, 'process_document', null from documents",
    )

    found = rows(empty_database_url, "select status from background_jobs order by created_at")
    assert sorted(found) == [("archived",), ("pending",), ("pending",)]


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
