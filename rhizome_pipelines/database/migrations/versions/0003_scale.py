"""Indexes that keep the reconciler's look short, and attempts marked when their job is deleted."""

from rhizome_pipelines.database.migrations.session import LOCK_TIMEOUT, driver_connection, sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is missing."""
    connection = driver_connection()
    connection.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    connection.execute(sql("0003_scale"))


def downgrade() -> None:
    """Only speed is lost, and the marks of attempts without a job."""
    driver_connection().execute(
        """
        drop trigger rhizome_orphans_truncate on background_jobs;
        drop trigger rhizome_orphans_delete on background_jobs;
        drop function rhizome_mark_orphans();
        alter table job_attempts drop column job_deleted_at;
        drop index background_jobs_paused_late, background_jobs_due;
        """
    )
