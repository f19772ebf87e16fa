"""An import that is killed at any moment goes on where it was, to the same rows and files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rhizome_pipelines.deployment.importing import (
    IMPORT_STAGES,
    ImportContext,
    import_output,
    open_import_stage,
)
from rhizome_pipelines.lifecycle.jobs import Job, JobType
from rhizome_pipelines.stages.runner import StageFinished, StageRunner
from tests.integration.transfer.editing import edited, everything
from tests.integration.transfer.transfer_world import (
    NOW,
    Installation,
    Undisturbed,
    reanchor_by_search,
)
from tests.unit.stages.runner_world import Fuse, FusedStore, Killed


def attempt(
    world: Installation, context: ImportContext, kill_at: int | None
) -> tuple[FusedStore, dict[str, Any] | None]:
    """One process: the objects that it used, and the output if it came to the end."""
    objects = FusedStore(world.services.objects, Fuse(kill_at))
    context = replace(context, services=replace(context.services, objects=objects))
    store, upstream = replace(world.store_of(context.job), objects=objects), None
    beside = Undisturbed()
    try:
        for name in IMPORT_STAGES:
            with open_import_stage(name, context, upstream) as stage:
                found = StageRunner(store, beside, beside, lambda: NOW).run(stage)
            assert isinstance(found, StageFinished)
            upstream = found.checkpoint
    except Killed:
        return objects, None
    assert upstream is not None
    return objects, import_output(context.job, upstream.facts, 0)


def started(world: Installation, archive: bytes) -> ImportContext:
    key = world.upload(archive)
    job: Job = world.job(
        JobType.IMPORT_DOCUMENT, storage_path=key, strategy="skip", reprocessConnections=True
    )
    return ImportContext(world.services, job, world.begin(job), reanchor_by_search)


def wiped(world: Installation) -> None:
    for table in ("documents", "background_jobs", "job_attempts"):
        world.database.execute(f"delete from {table}")
    objects = world.services.objects
    objects.delete([info.key for info in objects.list(f"{world.user}/")])


def told(world: Installation) -> list[Any]:
    """Everything, but for when it was written."""
    rows, files = everything(world)
    for table in rows:
        for row in table:
            for name in ("created_at", "updated_at", "embedded_at"):
                row.pop(name, None)
    return [rows, files]


def test_killed_anywhere_it_leaves_the_same_rows_and_files(
    here: Installation, there: Installation, tmp_path: Path
) -> None:
    documents = [
        here.process(tmp_path, f"{name}.md", f"# {name}\n\n{name} hold soil.\n", connections=False)
        for name in ("Roots", "Trees")
    ]
    name = f"documents/{documents[1].id}/embeddings.parquet"
    archive = edited(here.export(*(one.id for one in documents)), lambda files: files.pop(name))
    undisturbed, output = attempt(there, started(there, archive), None)
    expected = told(there)
    assert output is not None and output["connectionsReprocessed"]
    for kill_at in range(2, undisturbed.fuse.steps, 5):
        wiped(there)
        context = started(there, archive)
        assert attempt(there, context, kill_at)[1] is None
        _, output = attempt(there, context, None)
        assert output is not None
        assert [one["decision"] for one in output["documents"]] == ["add", "add"]
        assert told(there) == expected
        (asked,) = there.database.all(
            "select count(*) as count from background_jobs where job_type = 'detect_connections'"
        )
        assert asked["count"] == 2
