"""Fitting the expected tables to a database that may have some of them already.

What is expected is not written down twice: the SQL of the tables and indexes is first run in the
session's temporary schema, and the catalogue is asked what came of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.database.migrations import mismatches
from rhizome_pipelines.lifecycle.errors import InvalidInputError


@dataclass(frozen=True)
class Expected:
    """The expected schema, as the catalogue tells it.

    `tables`: table → column → type as `format_type` spells it. `required`: (table, column) that
    cannot be added later. `allowed`: (table, column) → the values that its CHECK names.
    `indexes`: name → the statement that creates it, with the schema left out.
    """

    tables: Mapping[str, Mapping[str, str]]
    required: Sequence[tuple[str, str]]
    allowed: Mapping[tuple[str, str], Sequence[str]]
    indexes: Mapping[str, str]


def ensure_vector_extension(connection: Connection) -> None:
    """Create pgvector where it is missing, and make its type known by its bare name."""
    connection.execute("create extension if not exists vector")
    connection.execute(
        "select set_config('search_path', current_setting('search_path') || ', ' || "
        "quote_ident(n.nspname), true) from pg_extension e "
        "join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector' "
        "and n.nspname <> all (current_schemas(true))"
    )


def expected_shape(connection: Connection, tables: bytes, indexes: bytes) -> Expected:
    """Make everything in the temporary schema, read it from the catalogue, and take it back."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)"
        )
        connection.execute(tables)
        connection.execute(indexes)
        schema = _one(connection, "select pg_my_temp_schema()::regnamespace::text")
        return Expected(
            tables=columns_of(connection, schema),
            required=mismatches.required_columns(connection, schema),
            allowed=mismatches.allowed_values(connection, schema),
            indexes=dict(_indexes(connection, schema)),
        )


def columns_of(connection: Connection, schema: str) -> dict[str, dict[str, str]]:
    """Table → column → type, of all ordinary and partitioned tables of a schema."""
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) from pg_class c "
        "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
        "where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'p') order by 1, a.attnum",
        (sql.Identifier(schema).as_string(connection),),
    )
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def existing_tables(connection: Connection, expected: Expected) -> dict[str, dict[str, str]]:
    """Those of the expected tables that are there already, with their columns."""
    here = columns_of(connection, _current_schema(connection))
    return {table: here[table] for table in expected.tables if table in here}


def refuse_mismatches(
    connection: Connection, expected: Expected, existing: Mapping[str, Mapping[str, str]]
) -> None:
    """Raise InvalidInputError that names everything that does not fit."""
    schema = _current_schema(connection)
    faults = [
        *mismatches.of_types(expected.tables, existing),
        *mismatches.of_required_columns(expected.required, existing),
        *mismatches.of_checks(connection, schema, expected.allowed, existing),
    ]
    if faults:
        raise InvalidInputError(
            "The existing tables do not fit, and nothing was changed: " + "; ".join(faults) + "."
        )


def create_missing_indexes(connection: Connection, expected: Expected) -> None:
    """Create the indexes that have no equal yet, whatever the equal's name."""
    schema = _current_schema(connection)
    have = {_nameless(text) for _, text in _indexes(connection, schema)}
    for text in expected.indexes.values():
        if _nameless(text) not in have:
            connection.execute(text.encode())


def create_missing_touch_triggers(connection: Connection, tables: Sequence[str]) -> None:
    """Keep `updated_at`, unless a trigger of the table's own does so already."""
    for table in tables:
        kept = connection.execute(
            "select exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid "
            "where t.tgrelid = %s::regclass and not t.tgisinternal and t.tgenabled <> 'D' "
            # row-level (1), before (2), on update (16)
            "and t.tgtype & 19 = 19 and (p.prosrc ilike '%%updated_at%%' "
            "or encode(t.tgargs, 'escape') ilike '%%updated_at%%'))",
            (table,),
        ).fetchone()
        if kept == (False,):
            connection.execute(
                sql.SQL(
                    "create trigger rhizome_touch_updated_at before update on {} "
                    "for each row execute function rhizome_touch_updated_at()"
                ).format(sql.Identifier(table))
            )


def tie_to_auth_users(connection: Connection, created: Sequence[str]) -> None:
    """Where the web application's users are: reference them, and close the new tables to clients.

    Supabase serves every table of the schema to the web; with row level security and no policy,
    only the worker's role sees the new ones until the application's own migrations open them.
    """
    if _one(connection, "select to_regclass('auth.users')::text") is None:
        return
    may_refer = _one(connection, "select has_table_privilege('auth.users', 'references')")
    columns = columns_of(connection, _current_schema(connection))
    for table in created:
        name = sql.Identifier(table)
        connection.execute(sql.SQL("alter table {} enable row level security").format(name))
        # the attempts outlive their jobs, and so their users
        if may_refer and "user_id" in columns[table] and table != "job_attempts":
            connection.execute(
                sql.SQL(
                    "alter table {} add constraint {} foreign key (user_id) "
                    "references auth.users (id) on delete cascade"
                ).format(name, sql.Identifier(f"{table}_user_id_fkey"))
            )


def _current_schema(connection: Connection) -> str:
    schema = _one(connection, "select current_schema()")
    if schema is None:
        raise InvalidInputError(
            "The database has no schema to create the tables in: the role's search_path names "
            "none that exists and that it may use."
        )
    return str(schema)


def _indexes(connection: Connection, schema: str) -> list[tuple[str, str]]:
    """Valid indexes of a schema: name, and the creating statement without the schema."""
    rows = connection.execute(
        "select i.relname, pg_get_indexdef(i.oid) from pg_index x "
        "join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid "
        "join pg_namespace n on n.oid = t.relnamespace "
        "where n.nspname = %s and x.indisvalid and not (x.indisprimary and n.oid = "
        "pg_my_temp_schema()) and not exists (select from pg_constraint c "
        "where c.conindid = i.oid and n.oid = pg_my_temp_schema()) order by 1",
        (schema,),
    )
    # the temporary schema goes by an alias there
    schemas = "|".join(re.escape(name) for name in (_quoted(connection, schema), "pg_temp"))
    on = re.compile(rf" ON (?:ONLY )?(?:{schemas})\.")
    return [(name, on.sub(" ON ", text, count=1)) for name, text in rows]


def _quoted(connection: Connection, name: str) -> str:
    return str(_one(connection, "select quote_ident(%s)", name))


def _nameless(index: str) -> str:
    return re.sub(r"^CREATE (UNIQUE )?INDEX .+? ON ", r"CREATE \1INDEX ON ", index)


def _one(connection: Connection, query: LiteralString, *parameters: str) -> Any:
    row = connection.execute(query, parameters).fetchone()
    return None if row is None else row[0]
