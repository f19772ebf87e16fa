"""Dagster's Postgres storage with less to do for each run: fewer questions, fewer and smaller rows.

What is a fact of the database's schema is asked once a process; what an event repeats of another,
or tells nobody, is not kept. Everything else is Dagster's own.
"""

from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.execution.plan.outputs import StepOutputData
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.utils import pg_url_from_config

NOT_KEPT = frozenset(
    {
        # That a step takes what the step before it gave is what the graph of assets shows.
        DagsterEventType.STEP_INPUT,
        DagsterEventType.LOADED_INPUT,
        DagsterEventType.RESOURCE_INIT_STARTED,
    }
)
"""Events of steps that go well; nothing in Dagster reads them but the list that shows them."""


class LeanRunStorage(PostgresRunStorage):
    """Asks for the columns of its tables once: they were there, and migrations only add some."""

    _has_run_stats = False

    def has_run_stats_index_cols(self) -> bool:
        """Asked by Dagster for each run that is read."""
        if not self._has_run_stats:
            self._has_run_stats = super().has_run_stats_index_cols()
        return self._has_run_stats


class LeanEventLogStorage(PostgresEventLogStorage):
    """Keeps what somebody reads, and remembers what does not change."""

    _has_index_columns = False

    def __init__(self, postgres_url: str, *arguments: Any, **options: Any) -> None:
        super().__init__(postgres_url, *arguments, **options)
        self._partitions: set[tuple[str, str]] = set()

    def store_event(self, event: EventLogEntry) -> None:
        """Store the event, unless it is one of NOT_KEPT; an output without its metadata.

        A materialization has the same metadata, and is what Dagster shows of them.
        """
        kind = event.dagster_event_type
        if kind in NOT_KEPT:
            return
        super().store_event(_without_metadata(event) if _is_output(event) else event)

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """A run asks two dozen times for its one partition; that it is there is remembered."""
        named = (partitions_def_name, partition_key)
        if named not in self._partitions:
            if not super().has_dynamic_partition(partitions_def_name, partition_key):
                return False
            if len(self._partitions) >= 64:
                self._partitions.clear()
            self._partitions.add(named)
        return True

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Delete and forget."""
        self._partitions.discard((partitions_def_name, partition_key))
        super().delete_dynamic_partition(partitions_def_name, partition_key)

    def has_asset_key_index_cols(self) -> bool:
        """Asked for each event about an asset."""
        if not self._has_index_columns:
            self._has_index_columns = super().has_asset_key_index_cols()
        return self._has_index_columns

    def _has_asset_key_index_cols_on_connection(self, conn: Any) -> bool:
        if not self._has_index_columns:
            self._has_index_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns


class LeanPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in one Postgres database, made of the two above."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "LeanPostgresStorage":
        """Configured as Dagster's own: `postgres_url`, or `postgres_db` with its parts."""
        return cls(pg_url_from_config(config_value), inst_data=inst_data)

    def __init__(self, postgres_url: str, **options: Any) -> None:
        super().__init__(postgres_url, **options)
        create = False  # the parent has looked, and made what was missing
        self._run_storage = LeanRunStorage(postgres_url, create)
        self._event_log_storage = LeanEventLogStorage(postgres_url, create)


def _is_output(event: EventLogEntry) -> bool:
    return event.dagster_event_type is DagsterEventType.STEP_OUTPUT


def _without_metadata(event: EventLogEntry) -> EventLogEntry:
    dagster_event = event.get_dagster_event()
    output = dagster_event.event_specific_data
    if not isinstance(output, StepOutputData) or not output.metadata:
        return event
    lean = dagster_event._replace(event_specific_data=output._replace(metadata={}))
    return event._replace(dagster_event=lean)
