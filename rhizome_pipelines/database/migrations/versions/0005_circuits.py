"""Providers that fail everybody, jobs that wait for them, and retries that need not wait."""

from rhizome_pipelines.database.migrations import adoption
from rhizome_pipelines.database.migrations.session import LOCK_TIMEOUT, driver_connection, sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is missing."""
    connection = driver_connection()
    connection.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    connection.execute(sql("0005_circuits"))
    adoption.tie_to_auth_users(connection, ["provider_circuits"])


def downgrade() -> None:
    """Jobs that wait are tried when their time has come."""
    driver_connection().execute(
        """
        create or replace function rhizome_note_status() returns trigger
            language plpgsql set search_path = '' as
        $$
        begin
            new.status_before := old.status;
            new.status_changed_at := now();
            return new;
        end
        $$;
        drop function rhizome_told_to_wait(text, timestamptz, text);
        drop index background_jobs_waiting;
        alter table background_jobs drop column waits_for;
        drop table provider_circuits;
        """
    )
