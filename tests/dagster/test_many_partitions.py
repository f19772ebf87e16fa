"""What is asked of the partitions is asked of one, or of a few, and never of all."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.instance.types import CachingDynamicPartitionsLoader
from sqlalchemy import event
from sqlalchemy.engine import Engine

from rhizome_pipelines.run_history import DagsterHistory
from tests.bad_input import SAMPLES
from tests.dagster.world import JOB, PARTITIONS, World

# A page has a LIMIT, a look-up names its keys.
BOUNDED = re.compile(r"dynamic_partitions\.partition (=|IN)|LIMIT")


@contextmanager
def questions_about_all() -> Iterator[list[str]]:
    """The statements that read the partitions without a bound, of any database."""
    found: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        if "FROM dynamic_partitions" in statement and not BOUNDED.search(statement):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_such_a_question_would_be_found(lasting_world: World) -> None:
    with questions_about_all() as found:
        lasting_world.instance.get_dynamic_partitions(PARTITIONS)
    assert len(found) == 1


def test_a_run_is_asked_for_without_a_look_at_other_partitions(lasting_world: World) -> None:
    world = lasting_world
    world.ask(world.add(SAMPLES / "card-box.md"))

    with questions_about_all() as found:
        (request,) = world.look()
        # what Dagster makes of a request before it launches the run
        resolved = request.with_resolved_tags_and_config(
            target_definition=world.definitions.resolve_job_def(JOB),
            dynamic_partitions_requests=[],
            dynamic_partitions_store=CachingDynamicPartitionsLoader(world.instance),
        )

    assert resolved.tags["dagster/partition"] == request.partition_key
    assert found == []


def test_a_run_asks_for_its_own_partition(lasting_world: World) -> None:
    world = lasting_world
    job_id = world.ask(world.add(SAMPLES / "card-box.md"))

    with questions_about_all() as found:
        world.settle()

    assert world.attempts(job_id)[0].outcome == "completed"
    assert found == []


def test_the_purge_goes_through_the_partitions_by_pages(lasting_world: World) -> None:
    keys = [f"key {number}" for number in range(5)]
    lasting_world.instance.add_dynamic_partitions(PARTITIONS, keys)

    with questions_about_all() as found:
        pages = list(DagsterHistory(lasting_world.instance, page=2).partitions())

    assert [list(page) for page in pages] == [keys[:2], keys[2:4], keys[4:]]
    assert found == []
