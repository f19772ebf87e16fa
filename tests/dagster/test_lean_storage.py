"""What Dagster's storage keeps of a run, and that nothing is lost by keeping less."""

from collections.abc import Iterator, Sequence

import pytest
import yaml
from dagster import (
    AssetKey,
    AssetSelection,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    DynamicPartitionsDefinition,
    EventLogEntry,
    ExecuteInProcessResult,
    MaterializeResult,
    asset,
    define_asset_job,
    in_process_executor,
)
from dagster._core.execution.plan.outputs import StepOutputData
from dagster._core.execution.plan.state import KnownExecutionState

from rhizome_pipelines.dagster_lean_storage import NOT_KEPT, LeanEventLogStorage
from tests.dagster.history_fixtures import Storage

texts = DynamicPartitionsDefinition(name="texts")
works = {"second": True}


@asset(partitions_def=texts)
def first() -> MaterializeResult[str]:
    return MaterializeResult(value="one", metadata={"words": 1})


@asset(partitions_def=texts)
def second(first: str) -> str:
    if not works["second"]:
        raise RuntimeError("not today")
    return first + " two"


DEFINITIONS = Definitions(
    assets=[first, second],
    jobs=[define_asset_job("both", AssetSelection.all())],
    executor=in_process_executor,
)


@pytest.fixture(scope="module")
def lean(
    dagster_storage: Storage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagsterInstance]:
    folder = tmp_path_factory.mktemp("lean")
    url = dagster_storage.url.replace("postgresql://", "postgresql+psycopg2://")
    custom = {
        "module": "rhizome_pipelines.dagster_lean_storage",
        "class": "LeanPostgresStorage",
        "config": {"postgres_url": url},
    }
    settings = {"storage": {"custom": custom}, "telemetry": {"enabled": False}}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with DagsterInstance.from_config(str(folder)) as instance:
        yield instance


@pytest.fixture(autouse=True)
def _all_works() -> None:
    works["second"] = True


def _run(instance: DagsterInstance, partition: str) -> ExecuteInProcessResult:
    instance.add_dynamic_partitions("texts", [partition])
    return DEFINITIONS.resolve_job_def("both").execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False
    )


def _kept(instance: DagsterInstance, run_id: str) -> Sequence[EventLogEntry]:
    return instance.all_logs(run_id)


def test_events_that_nobody_reads_are_not_kept(lean: DagsterInstance) -> None:
    result = _run(lean, "a")

    told = {event.event_type for event in result.all_events}
    kept = {entry.dagster_event_type for entry in _kept(lean, result.run_id)}
    assert told >= NOT_KEPT
    assert not NOT_KEPT & kept
    assert told - NOT_KEPT <= kept


def test_an_output_does_not_repeat_the_metadata_of_its_materialization(
    lean: DagsterInstance,
) -> None:
    result = _run(lean, "b")

    outputs = [
        entry.get_dagster_event().event_specific_data
        for entry in lean.all_logs(result.run_id, of_type=DagsterEventType.STEP_OUTPUT)
    ]
    assert len(outputs) == 2
    assert all(isinstance(output, StepOutputData) and not output.metadata for output in outputs)
    newest = lean.get_latest_materialization_event(AssetKey("first"))
    assert newest is not None
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.metadata["words"].value == 1


def test_a_failed_run_can_be_reexecuted_from_its_failure(lean: DagsterInstance) -> None:
    works["second"] = False
    failed = _run(lean, "c")
    assert not failed.success
    parent = lean.get_run_by_id(failed.run_id)
    assert parent is not None

    steps, known = KnownExecutionState.build_resume_retry_reexecution(lean, parent)

    assert steps == ["second"]
    assert known.parent_state is not None
    assert {handle.step_key for handle in known.parent_state.produced_outputs} == {"first"}


def test_a_partition_that_was_deleted_is_not_remembered(lean: DagsterInstance) -> None:
    lean.add_dynamic_partitions("texts", ["d"])
    assert lean.has_dynamic_partition("texts", "d")

    lean.delete_dynamic_partition("texts", "d")

    assert not lean.has_dynamic_partition("texts", "d")


def test_a_partition_that_is_not_there_yet_is_asked_for_again(lean: DagsterInstance) -> None:
    assert not lean.has_dynamic_partition("texts", "e")

    lean.add_dynamic_partitions("texts", ["e"])

    assert lean.has_dynamic_partition("texts", "e")


def test_the_instance_is_made_of_the_lean_parts(lean: DagsterInstance) -> None:
    assert isinstance(lean.event_log_storage, LeanEventLogStorage)
