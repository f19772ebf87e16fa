"""The composition root: assets, jobs, sensors, schedules and resources put together.

`dagster dev`, `dagster definitions validate`, `dagster job execute -m
rhizome_pipelines.definitions` and the deployment's own processes all load `defs`.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from dagster import BetaWarning, Definitions, in_process_executor
from dagster_aws.s3 import S3Resource

from assets import DOCUMENT_ASSETS
from jobs import JOBS
from resources import ServicesResource, attempt_resource, checkpoint_io_manager
from rhizome_pipelines.settings import load_settings
from sensors import SCHEDULES, SENSORS


def build_definitions(overrides: Mapping[str, Any] | None = None) -> Definitions:
    """Everything Dagster is to know. `overrides` replaces resources by name, for tests."""
    # Dagster copies a sensor to give its jobs their resources, and warns of its own argument.
    warnings.filterwarnings("ignore", r"Parameter `owners` of .* `SensorDefinition", BetaWarning)
    settings = load_settings()
    s3 = S3Resource(
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        max_attempts=5,
    )
    resources: dict[str, Any] = {
        "s3": s3,
        "services": ServicesResource(s3=s3),
        "attempt": attempt_resource,
        "checkpoints": checkpoint_io_manager,
    }
    return Definitions(
        assets=DOCUMENT_ASSETS,
        jobs=JOBS,
        sensors=SENSORS,
        schedules=SCHEDULES,
        resources=resources | dict(overrides or {}),
        # One process a run: four trivial steps take 6 s in process, 28 s with a process each.
        executor=in_process_executor,
    )


defs = build_definitions()
