"""The deployment's shape, as other programs and people's habits rely on it."""

from itertools import pairwise

import pytest
from dagster import (
    AssetKey,
    AssetSpec,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    ScheduleDefinition,
    in_process_executor,
)
from dagster._core.definitions.asset_checks.asset_check_spec import AssetCheckKey

from rhizome_pipelines.deployment.document_stages import CODE_VERSIONS
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import (
    ASSET_JOBS,
    DOCUMENT_STAGES,
    JOB_STAGES,
    StageName,
)

CHECKS = {
    StageName.EXTRACTION: {"extraction_is_stored"},
    StageName.CHUNKING: {"chunking_is_stored", "offsets_are_exact"},
    StageName.EMBEDDINGS: {"embeddings_are_stored", "every_chunk_is_embedded"},
    StageName.CONNECTIONS: {"connections_are_stored", "connections_are_sound"},
}
OFFERED = set(JOB_STAGES)
"""The job types that this version has a Dagster job for."""
HOUSEKEEPING = {"purge_history", "clean_up_storage"}
"""Jobs that no row asks for."""


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    from rhizome_pipelines.definitions import build_definitions

    return build_definitions()


@pytest.fixture(scope="module")
def specs(definitions: Definitions) -> dict[str, AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_assets_are_the_stages_in_their_order(specs: dict[str, AssetSpec]) -> None:
    assert set(specs) == {"extraction", "chunking", "embeddings", "connections"}
    for before, stage in pairwise(DOCUMENT_STAGES):
        assert [dep.asset_key for dep in specs[stage].deps] == [AssetKey(before.value)]
    assert list(specs["extraction"].deps) == []


def test_every_asset_says_what_it_is_and_whose(specs: dict[str, AssetSpec]) -> None:
    kinds = {name: spec.kinds for name, spec in specs.items()}

    assert kinds == {
        "extraction": {"markdown"},
        "chunking": {"json"},
        "embeddings": {"parquet", "postgres"},
        "connections": {"parquet", "postgres"},
    }
    for spec in specs.values():
        assert spec.group_name == "document"
        assert list(spec.owners) == ["team:rhizome"]
        assert spec.description
        assert spec.description.endswith(".")


def test_every_asset_is_partitioned_by_documents(specs: dict[str, AssetSpec]) -> None:
    assert {spec.partitions_def.name for spec in specs.values()} == {"documents"}  # type: ignore[union-attr]


def test_code_versions_are_the_stages(specs: dict[str, AssetSpec]) -> None:
    assert {name: spec.code_version for name, spec in specs.items()} == dict(CODE_VERSIONS)
    assert all(CODE_VERSIONS.values())


def test_every_check_blocks(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    assert set(graph.asset_check_keys) == {
        AssetCheckKey(AssetKey(stage.value), check)
        for stage, checks in CHECKS.items()
        for check in checks
    }
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        assert spec.blocking
        assert spec.description


def test_jobs_are_named_as_the_job_types(definitions: Definitions) -> None:
    assert {job.name for job in definitions.jobs or []} == {*OFFERED, *HOUSEKEEPING}
    for job_type, stages in JOB_STAGES.items():
        job = definitions.resolve_job_def(job_type.value)
        assert {node.name for node in job.nodes} == {stage.value for stage in stages}
        assert job.description
        partitions = job.partitions_def.name if job.partitions_def is not None else None
        assert partitions == ("documents" if job_type in ASSET_JOBS else None)


def test_one_process_a_run(definitions: Definitions) -> None:
    job = definitions.resolve_job_def(JobType.PROCESS_DOCUMENT.value)

    assert job.executor_def is in_process_executor


def test_there_is_no_second_retry_brain(definitions: Definitions) -> None:
    """A retry policy would turn a pause into a success."""
    for definition in definitions.resolve_all_job_defs():
        for node in definition.nodes:
            assert node.retry_policy is None
            assert node.definition.retry_policy is None
        assert not [tag for tag in definition.tags if "retr" in tag]


def test_a_sensor_and_its_standby_look_at_jobs_and_run_from_the_start(
    definitions: Definitions,
) -> None:
    sensors = [one for one in definitions.sensors or [] if "reconcile" in one.name]

    assert [sensor.name for sensor in sensors] == [
        "reconcile_background_jobs",
        "reconcile_background_jobs_standby",
    ]
    for sensor in sensors:
        assert sensor.default_status is DefaultSensorStatus.RUNNING
        assert {job.name for job in sensor.jobs} == OFFERED


def test_housekeeping_is_no_job_type_and_takes_no_attempt(definitions: Definitions) -> None:
    for name in HOUSEKEEPING:
        assert JobType.parse(name) is None
        job = definitions.resolve_job_def(name)
        assert job.partitions_def is None
        assert job.description
        needed = {key for op in job.all_node_defs for key in op.required_resource_keys}  # type: ignore[attr-defined]
        assert needed == {"services"}


def test_housekeeping_is_done_by_itself(definitions: Definitions) -> None:
    schedules = [one for one in definitions.schedules or [] if isinstance(one, ScheduleDefinition)]

    assert {(schedule.name, schedule.job_name) for schedule in schedules} == {
        ("purge_history_daily", "purge_history"),
        ("clean_up_storage_hourly", "clean_up_storage"),
    }
    assert {one.default_status for one in schedules} == {DefaultScheduleStatus.RUNNING}


def test_the_resources_are_there(definitions: Definitions) -> None:
    assert set(definitions.resources or {}) == {"s3", "services", "attempt", "checkpoints"}
