"""The whole contract: all shared tables and our own beside them, created or adopted."""

from rhizome_pipelines.database.migrations import adoption
from rhizome_pipelines.database.migrations.session import LOCK_TIMEOUT, driver_connection, sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Compare what exists with what is expected, then create what is missing."""
    connection = driver_connection()
    connection.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    adoption.ensure_vector_extension(connection)
    expected = adoption.expected_shape(connection, sql("0001_tables"), sql("0001_indexes"))
    existing = adoption.existing_tables(connection, expected)
    adoption.refuse_mismatches(connection, expected, existing)
    connection.execute(sql("0001_tables"))
    adoption.create_missing_indexes(connection, expected)
    connection.execute(sql("0001_functions"))
    adoption.create_missing_touch_triggers(connection, ("background_jobs", "documents"))
    created = sorted(set(expected.tables) - set(existing))
    adoption.tie_to_auth_users(connection, created)


def downgrade() -> None:
    """The shared tables are never taken back."""
    raise NotImplementedError("The shared tables are never taken back: restore a backup instead.")
