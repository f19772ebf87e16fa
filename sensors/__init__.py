"""The sensor that reconciles the rows of `background_jobs` with Dagster's runs, and its standby.

They are one and the same, twice, and only one of them works at a time: several sensors racing
each other on one row is the mistake to avoid. Beside them stand the schedules of housekeeping.
"""

from sensors.cleaning import cleaning_schedule
from sensors.purging import purging_schedule
from sensors.reconciling import reconciling_sensor, standby_sensor

SENSORS = [reconciling_sensor, standby_sensor]
SCHEDULES = [purging_schedule, cleaning_schedule]

__all__ = [
    "SCHEDULES",
    "SENSORS",
    "cleaning_schedule",
    "purging_schedule",
    "reconciling_sensor",
    "standby_sensor",
]
