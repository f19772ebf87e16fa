"""When the storage is swept: every hour, at a minute when little else happens."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from jobs import clean_up_storage

cleaning_schedule = ScheduleDefinition(
    name="clean_up_storage_hourly",
    job=clean_up_storage,
    cron_schedule="41 * * * *",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Removes orphaned checkpoints and files of deleted documents every hour.",
)
