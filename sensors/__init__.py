"""The sensor that reconciles the rows of `background_jobs` with Dagster's runs.

It is the only one that looks at jobs: several sensors racing each other on one row is the
mistake to avoid. Beside it stands the schedule of the purge.
"""

from sensors.purging import purging_schedule
from sensors.reconciling import reconciling_sensor

SENSORS = [reconciling_sensor]
SCHEDULES = [purging_schedule]

__all__ = ["SCHEDULES", "SENSORS", "purging_schedule", "reconciling_sensor"]
