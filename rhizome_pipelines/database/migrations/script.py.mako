"""${message}."""

from rhizome_pipelines.database.migrations.session import driver_connection

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say what changes."""


def downgrade() -> None:
    """The shared tables are never taken back."""
    raise NotImplementedError("The shared tables are never taken back: restore a backup instead.")
