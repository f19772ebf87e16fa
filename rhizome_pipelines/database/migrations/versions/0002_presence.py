"""Signs of life of whoever carries out wishes."""

from rhizome_pipelines.database.migrations import adoption
from rhizome_pipelines.database.migrations.session import driver_connection, sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    connection = driver_connection()
    connection.execute(sql("0002_presence"))
    adoption.tie_to_auth_users(connection, ["reconciler_presence"])


def downgrade() -> None:
    """Signs of life are of no lasting interest."""
    driver_connection().execute("drop table reconciler_presence")
