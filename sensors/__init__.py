"""The sensor that reconciles the rows of `background_jobs` with Dagster's runs, and its standby.

They are one and the same, twice, and only one of them works at a time: several sensors racing
each other on one row is the mistake to avoid. Beside them stands the schedule of the purge.
"""

from sensors.purging import purging_schedule
from sensors.reconciling import reconciling_sensor, standby_sensor

SENSORS = [reconciling_sensor, standby_sensor]
SCHEDULES = [purging_schedule]

__all__ = ["SCHEDULES", "SENSORS", "purging_schedule", "reconciling_sensor", "standby_sensor"]
