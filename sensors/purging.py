"""When history is purged: at a quiet hour, once a day.

A deployment that was down then is told of it when it is up again, once for all missed days.
"""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from jobs import purge_history

purging_schedule = ScheduleDefinition(
    name="purge_history_daily",
    job=purge_history,
    cron_schedule="17 3 * * *",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Removes old runs, attempts and partitions every day at 03:17 UTC.",
)
