"""A run API that lies: it is late, forgets, repeats itself, and loses what it is told to do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from rhizome_pipelines.lifecycle.actions import RunState
from rhizome_pipelines.lifecycle.jobs import Attempt, JobType
from rhizome_pipelines.lifecycle.launch import LaunchRequest, ParentRun
from rhizome_pipelines.lifecycle.stage_names import StageName

OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})


class LaunchTrouble(StrEnum):
    """What goes wrong with the launches of a look."""

    NONE = "none"
    NOTHING_CREATED = "nothing created"
    """It raises before there is a run."""
    CREATED = "created"
    """It raises when the run is on record and was not handed to a launcher."""
    LAUNCHED = "launched"
    """It raises though the run is on its way, and its worker will come."""
    KILLED = "killed"
    """Whoever launches is killed when the run is on record: nobody is told of anything."""


class KilledError(BaseException):
    """The process of the reconciler is gone."""


@dataclass
class Report:
    """How the states of one look are told. `late`: so many changes of a run are not seen yet."""

    late: int = 0
    forgotten: bool = False
    """No run is known at all, as when the answer comes from another Dagster."""


@dataclass
class FakeRuns:
    """`Runs` as the reconciler asks it; `states_of` keeps all that each run has gone through."""

    states_of: dict[str, list[RunState]] = field(default_factory=dict)
    launched: list[LaunchRequest] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    trouble: LaunchTrouble = LaunchTrouble.NONE
    terminations_are_lost: bool = False
    meanwhile: Callable[[], None] | None = None
    """Done once, between the reading of the rows and the decision about them."""
    while_launching: Callable[[], None] | None = None
    """Done once, between an attempt's beginning and its run's launch."""

    can_launch = True

    def prepare(self) -> None:
        """There is nothing to make ready."""

    def states(self, attempts: Iterable[Attempt]) -> Mapping[tuple[UUID, int], RunState]:
        told = {(one.job_id, one.number): self._told(one.run_id) for one in attempts}
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return told

    def _told(self, run_id: str | None) -> RunState:
        states = self.states_of.get(run_id or "", [])
        if self.report.forgotten or len(states) <= self.report.late:
            return RunState.UNKNOWN
        return states[-1 - self.report.late]

    def launch(self, request: LaunchRequest) -> None:
        run_id = request.run_id
        assert run_id is not None
        while_launching, self.while_launching = self.while_launching, None
        if while_launching is not None:
            while_launching()
        if self.trouble is LaunchTrouble.NOTHING_CREATED:
            raise RuntimeError("There is no room for a process.")
        assert run_id not in self.states_of, "a run is launched once"
        self.states_of[run_id] = [RunState.CREATED]
        if self.trouble is LaunchTrouble.CREATED:
            raise RuntimeError("The launcher does not answer.")
        if self.trouble is LaunchTrouble.KILLED:
            raise KilledError
        self.change(run_id, RunState.ALIVE)
        self.launched.append(request)
        if self.trouble is LaunchTrouble.LAUNCHED:
            raise RuntimeError("The launcher's answer was lost.")

    def abandon(self, run_id: str) -> None:
        if self.now(run_id) is RunState.CREATED:
            self.change(run_id, RunState.FAILED)

    def terminate(self, attempt: Attempt) -> None:
        run_id = attempt.run_id or ""
        if self.terminations_are_lost or self.now(run_id) in OVER | {None}:
            return
        self.change(run_id, RunState.ENDING)

    def parent(
        self, run_ids: Sequence[str], job_type: JobType, stages: Sequence[StageName]
    ) -> ParentRun | None:
        """The newest run on record, which is said to have ended its first stage."""
        known = next((run_id for run_id in run_ids if run_id in self.states_of), None)
        return None if known is None else ParentRun(known, known, frozenset(stages[:1]))

    # What the world knows better

    def now(self, run_id: str) -> RunState | None:
        """The run's true state; None if there is no such run."""
        states = self.states_of.get(run_id)
        return states[-1] if states else None

    def change(self, run_id: str, state: RunState) -> None:
        """The run goes on to this state, unless it is over."""
        states = self.states_of[run_id]
        if states[-1] not in OVER and states[-1] is not state:
            states.append(state)
