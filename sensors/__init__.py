"""The sensor that reconciles the rows of `background_jobs` with Dagster's runs.

It is the only one that looks at jobs: several sensors racing each other on one row is the
mistake to avoid. Schedules for clean-up will stand beside it.
"""

from sensors.reconciling import reconciling_sensor

SENSORS = [reconciling_sensor]

__all__ = ["SENSORS", "reconciling_sensor"]
