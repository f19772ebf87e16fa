"""A status of null is `pending`; what is tried again no longer tells of its last end."""

from rhizome_pipelines.database.migrations.session import LOCK_TIMEOUT, driver_connection, sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is missing."""
    connection = driver_connection()
    connection.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    connection.execute(sql("0006_moving_on"))


def downgrade() -> None:
    """Rows whose status was null stay pending."""
    connection = driver_connection()
    connection.execute(
        """
        drop trigger rhizome_default_status on background_jobs;
        drop function rhizome_default_status();
        """
    )
    connection.execute(sql("0005_circuits"))
