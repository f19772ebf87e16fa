"""The history that Dagster keeps, for the purge: runs with their events and logs, partitions."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance, RunsFilter
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    DynamicPartitionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from sqlalchemy import ColumnElement, Table, select

from rhizome_pipelines.deployment.history import OldRun
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.run_api import DOCUMENT_PARTITIONS, PARTITION_TAG

PAGE = 500
"""Runs, or partitions, that are looked at together."""


class DagsterHistory:
    """A Dagster instance as the purge sees it; no query reads all runs or partitions at once."""

    def __init__(self, instance: DagsterInstance, page: int = PAGE) -> None:
        self._instance = instance
        self._page = page

    def finished_before(self, moment: datetime) -> Iterator[Sequence[OldRun]]:
        """Runs whose last change is older, the newest first."""
        filters = RunsFilter(statuses=FINISHED_STATUSES, updated_before=moment)
        page = self._instance.get_runs(filters, limit=self._page)
        while page:
            # A page goes on from the last run of the one before, which may be gone afterwards.
            following = self._instance.get_runs(filters, page[-1].run_id, limit=self._page)
            yield [OldRun(run.run_id, run.tags.get(PARTITION_TAG)) for run in page]
            page = following

    def holding_newest_results(self, partitions: Collection[str]) -> frozenset[str]:
        """The runs of the newest materialization of every asset in each of the partitions."""
        if not partitions:
            return frozenset()
        newest: set[int] = set()
        for asset in self._instance.get_asset_keys():
            newest.update(
                self._events.get_latest_storage_id_by_partition(
                    asset, DagsterEventType.ASSET_MATERIALIZATION, set(partitions)
                ).values()
            )
        # Dagster would unpack the whole of each event, with everything that a person sees of it.
        runs = select(SqlEventLogStorageTable.c.run_id).where(
            SqlEventLogStorageTable.c.id.in_(newest)
        )
        with self._events.index_connection() as connection:
            return frozenset(connection.execute(runs).scalars())

    def re_executions(self, run_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Runs that name one of these as their parent or as their root."""
        made: dict[str, set[str]] = defaultdict(set)
        for tag in (PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG):
            for run in self._instance.get_runs(RunsFilter(tags={tag: list(run_ids)})):
                made[run.tags[tag]].add(run.run_id)
        return {parent: frozenset(children) for parent, children in made.items()}

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Remove runs with their events, their checks' results and what they wrote to stdout."""
        for run_id in run_ids:
            self._instance.delete_run(run_id)
            self._instance.compute_log_manager.delete_logs(prefix=[run_id])
        # Dagster itself leaves them.
        self._delete(AssetCheckExecutionsTable, AssetCheckExecutionsTable.c.run_id.in_(run_ids))

    def partitions(self) -> Iterator[Sequence[str]]:
        """The keys of `documents`."""
        cursor, more = None, True
        while more:
            page = self._instance.get_paginated_dynamic_partitions(
                DOCUMENT_PARTITIONS, limit=self._page, ascending=True, cursor=cursor
            )
            yield page.results
            cursor, more = page.cursor, page.has_more

    def existing_partitions(self, partitions: Collection[str]) -> frozenset[str]:
        """Those of the keys that there are."""
        table = DynamicPartitionsTable.c
        these = select(table.partition).where(
            table.partitions_def_name == DOCUMENT_PARTITIONS, table.partition.in_(partitions)
        )
        with self._events.index_connection() as connection:
            return frozenset(connection.execute(these).scalars())

    def in_use(self, partitions: Collection[str]) -> frozenset[str]:
        """Partitions of runs that are queued, starting, at work or ending."""
        filters = RunsFilter(statuses=NOT_FINISHED_STATUSES, tags={PARTITION_TAG: list(partitions)})
        return frozenset(run.tags[PARTITION_TAG] for run in self._instance.get_runs(filters))

    def delete_partitions(self, partitions: Sequence[str]) -> None:
        """Remove the keys, all in one statement where Dagster's own way takes one for each."""
        named = DynamicPartitionsTable.c.partitions_def_name == DOCUMENT_PARTITIONS
        these = DynamicPartitionsTable.c.partition.in_(partitions)
        self._delete(DynamicPartitionsTable, named & these)

    def _delete(self, table: Table, condition: ColumnElement[bool]) -> None:
        with self._events.index_connection() as connection:
            connection.execute(table.delete().where(condition))

    @property
    def _events(self) -> SqlEventLogStorage:
        storage = self._instance.event_log_storage
        if not isinstance(storage, SqlEventLogStorage):
            raise InvalidInputError(
                f"Dagster's events are kept by {type(storage).__name__}, which is no SQL database: "
                "their history cannot be purged from here."
            )
        return storage


@contextmanager
def dagster_history(dagster_home: Path) -> Iterator[DagsterHistory | None]:
    """The history of a deployment; None if none of its home was ever started."""
    if not (dagster_home / "dagster.yaml").is_file():
        yield None
        return
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        yield DagsterHistory(instance)
