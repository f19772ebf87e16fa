"""The four stages in a row in one process, without Dagster.

    python -m benchmarks.programs.stages HOME DOCUMENT bare|session

`bare`: the stage runner alone, with nobody to ask and nobody to tell. `session`: with everything
that Rhizome does around the stages in a run (control, progress, checks, finals). Prints
`{"seconds": …, "stages": {name: seconds}}`; imports and opening the database are not counted.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.deployment.attempt import (
    AttemptSession,
    RunEnding,
    RunIdentity,
    open_attempt,
)
from rhizome_pipelines.deployment.services import open_services
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, StageName
from rhizome_pipelines.settings import load_settings
from rhizome_pipelines.stages.runner import StageFinished, StageRunner, StageStopped
from rhizome_pipelines.stages.stage import StopReason

Walk = Callable[[StageName, StageCheckpoint | None], StageFinished | StageStopped]


class NobodyToAsk:
    def ask(self) -> StopReason | None:
        return None


class NobodyToTell:
    def stage(self, name: str, fraction: float, details: str, counters: Mapping[str, int]) -> None:
        pass

    def checkpoint(self, stage: str, path: str, hash: str) -> None:
        pass

    def stage_finished(self, name: str) -> None:
        pass


def bare(session: AttemptSession) -> Walk:
    """The stage runner alone; of the session only what its rows are written in the name of."""
    runner = StageRunner(
        session.checkpoints, NobodyToAsk(), NobodyToTell(), clock=lambda: datetime.now(UTC)
    )
    fence, began = Fence(session.job.id, session.attempt.number), session.attempt.created_at

    def walk(name: StageName, upstream: StageCheckpoint | None) -> StageFinished | StageStopped:
        with session.work.open_stage(name, upstream, fence, began) as stage:
            return runner.run(stage)

    return walk


def whole(session: AttemptSession) -> Walk:
    """Everything that Rhizome does in a run."""

    def walk(name: StageName, upstream: StageCheckpoint | None) -> StageFinished | StageStopped:
        result = session.run_stage(name, upstream)
        if isinstance(result, StageFinished):
            session.check_stage(name, result)
        return result

    return walk


def main() -> None:
    home, document, mode = sys.argv[1:]
    settings = load_settings(home=Path(home))
    taken: dict[str, float] = {}
    with open_services(settings) as services:
        session = open_attempt(
            services,
            RunIdentity(
                f"benchmark-{uuid4()}",
                JobType.PROCESS_DOCUMENT,
                DOCUMENT_STAGES,
                document_id=UUID(document),
            ),
        )
        walk = {"bare": bare, "session": whole}[mode](session)
        began = time.perf_counter()
        upstream = None
        for name in DOCUMENT_STAGES:
            stage_began = time.perf_counter()
            result = walk(name, upstream)
            if isinstance(result, StageStopped):
                sys.exit(f"The stage {name} stopped: {result.reason}.")
            upstream = result.checkpoint
            taken[name] = time.perf_counter() - stage_began
        if mode == "session":
            session.close(RunEnding.OTHER)
        seconds = time.perf_counter() - began
        if mode == "bare":
            session.close(RunEnding.TERMINATED)
    print(json.dumps({"seconds": seconds, "stages": taken}))


if __name__ == "__main__":
    main()
