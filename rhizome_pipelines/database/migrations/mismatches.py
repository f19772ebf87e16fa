"""What in existing tables does not fit the contract, each as a clause of one sentence."""

import re
from collections.abc import Mapping, Sequence

from psycopg import sql

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.lifecycle.documents import DocumentStatus

Tables = Mapping[str, Mapping[str, str]]
Columns = Sequence[tuple[str, str]]
Allowed = Mapping[tuple[str, str], Sequence[str]]

_INTERCHANGEABLE = (
    frozenset({"text", "character varying"}),
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"real", "double precision", "numeric"}),
)
_LEFT_OPEN = {
    # The contract names these columns and no type, and nothing here reads or writes them.
    ("documents", "processing_requested"),
    ("documents", "detected_metadata"),
    ("chunks", "reprocessing_batch"),
}
_WRITTEN_WITHOUT_CHECK: Allowed = {
    # The contract leaves this list open; these are the values that we write.
    ("documents", "processing_status"): tuple(DocumentStatus),
}


def of_types(expected: Tables, existing: Tables) -> list[str]:
    """Columns whose type cannot hold or give what is expected of it."""
    return [
        f"{table}.{column} is of type {existing[table][column]}, not {kind}"
        for table, columns in expected.items()
        for column, kind in columns.items()
        if column in existing.get(table, {})
        and (table, column) not in _LEFT_OPEN
        and not _compatible(existing[table][column], kind)
    ]


def of_required_columns(required: Columns, existing: Tables) -> list[str]:
    """Columns that no row can be without, and that are missing in a table with rows of its own."""
    return [
        f"{table} has no column {column}"
        for table, column in required
        if table in existing and column not in existing[table]
    ]


def of_checks(connection: Connection, schema: str, allowed: Allowed, existing: Tables) -> list[str]:
    """Existing CHECKs on one column that refuse a value which the contract names."""
    faults = []
    for (table, column), values in {**allowed, **_WRITTEN_WITHOUT_CHECK}.items():
        if column not in existing.get(table, {}):
            continue
        for name, expression in _checks(connection, schema, table, column):
            refused = [
                value for value in values if not _accepts(connection, column, expression, value)
            ]
            if refused:
                faults.append(
                    f"the CHECK {name} on {table}.{column} refuses "
                    + ", ".join(repr(str(value)) for value in refused)
                )
    return faults


def required_columns(connection: Connection, schema: str) -> list[tuple[str, str]]:
    """The columns of our own tables that are keys or must be given: table and column."""
    rows = connection.execute(
        "select t.relname, a.attname from pg_attribute a join pg_class t on t.oid = a.attrelid "
        "where t.relnamespace = %s::regnamespace and t.relkind = 'r' and a.attnum > 0 "
        "and a.attnotnull and (not a.atthasdef or exists (select from pg_index x "
        "where x.indrelid = t.oid and x.indisprimary and a.attnum = any (x.indkey))) order by 1, 2",
        (sql.Identifier(schema).as_string(connection),),
    )
    return [(table, column) for table, column in rows]


def allowed_values(connection: Connection, schema: str) -> dict[tuple[str, str], list[str]]:
    """The values that the CHECKs of our own tables name, by table and column."""
    rows = connection.execute(
        "select t.relname, a.attname, pg_get_constraintdef(c.oid) from pg_constraint c "
        "join pg_class t on t.oid = c.conrelid "
        "join pg_attribute a on a.attrelid = t.oid and a.attnum = c.conkey[1] "
        "where t.relnamespace = %s::regnamespace and c.contype = 'c' "
        "and cardinality(c.conkey) = 1 order by 1, 2",
        (sql.Identifier(schema).as_string(connection),),
    )
    return {
        (table, column): values
        for table, column, text in rows
        if (values := re.findall(r"'([^']*)'::text", text))
    }


def _checks(connection: Connection, schema: str, table: str, column: str) -> list[tuple[str, str]]:
    rows = connection.execute(
        "select c.conname, pg_get_expr(c.conbin, c.conrelid) from pg_constraint c "
        "join pg_class t on t.oid = c.conrelid "
        "join pg_attribute a on a.attrelid = t.oid and c.conkey = array[a.attnum] "
        "where t.relnamespace = %s::regnamespace and t.relname = %s and a.attname = %s "
        "and c.contype = 'c' order by 1",
        (sql.Identifier(schema).as_string(connection), table, column),
    )
    return [(name, expression) for name, expression in rows]


def _accepts(connection: Connection, column: str, expression: str, value: str) -> bool:
    """Whether the CHECK, lets the value pass."""
    query = sql.SQL("select ({}) is not false from (select {}::text as {}) as row").format(
        sql.SQL(expression),  # spelled by the catalogue itself
        sql.Literal(str(value)),
        sql.Identifier(column),
    )
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])


def _compatible(have: str, want: str) -> bool:
    have, want = (re.sub(r"\(.*?\)", "", kind) for kind in (have, want))
    return have == want or any({have, want} <= kinds for kinds in _INTERCHANGEABLE)
