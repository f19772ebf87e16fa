"""The status before the present one and when it changed; indexes for wishes that need an answer."""

from rhizome_pipelines.database.migrations.session import LOCK_TIMEOUT, driver_connection, sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is missing."""
    connection = driver_connection()
    connection.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    connection.execute(sql("0004_whole_life"))


def downgrade() -> None:
    """What was noted of changes of status is lost."""
    driver_connection().execute(
        """
        drop index background_jobs_cancelled_kept, background_jobs_paused_wrongly;
        create index background_jobs_paused_late on background_jobs (status, paused_at)
            where status = 'paused' and completed_at is not null;
        drop trigger rhizome_note_status on background_jobs;
        drop function rhizome_note_status();
        alter table background_jobs drop column status_changed_at, drop column status_before;
        """
    )
