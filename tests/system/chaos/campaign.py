"""Jobs that are killed at moments chosen by chance, and what became of each kill."""

import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psutil

from rhizome_pipelines.checkpoints.keys import parse_checkpoint_name
from tests.system.chaos.cases import Case
from tests.system.chaos.victims import Victims, ends_up, is_back, kill_parts
from tests.system.chaos.witness import Witness
from tests.system.chaos.world import JOB_PATIENCE, ChaosWorld
from tests.system.home import wait_until

LOOK = 0.2
"""Seconds between two looks at what comes back."""


SETTLED = 10.0
"""Seconds after which nothing more is heard of files that were put in place."""


@dataclass(frozen=True)
class Moment:
    """When somebody is killed: `delay` seconds after so many units of the stage were kept."""

    stage: str
    units: int
    delay: float
    victims: Victims


@dataclass
class Kill:
    """One kill and what came of it. Times in seconds from the job's beginning."""

    moment: Moment
    at: float
    stage: str
    units: int
    """Units that were kept when it happened."""
    killed: Sequence[psutil.Process]
    again_before: int
    again: int = 0
    """Units done again that had been kept before: by the kernel's word for each write."""
    broken_off: int = 0
    """Units that an attempt was at when it ended: one for each that another followed upon."""
    recovered: float | None = None

    @property
    def redone(self) -> int:
        """Units that were done twice, in part or whole: at most so many."""
        return self.again + self.broken_off


def plan(
    chance: random.Random,
    units: Mapping[str, int],
    turn: Iterator[Victims],
    longest: float = 0.25,
) -> list[Moment]:
    """One moment in each stage, somewhere from its first unit to its end."""
    return [
        Moment(stage, chance.randint(0, most), chance.uniform(0.0, longest), next(turn))
        for stage, most in units.items()
    ]


@dataclass(frozen=True)
class Undisturbed:
    """What a job does that nobody disturbs: the units of each stage, and what it leaves."""

    job: UUID
    units: Mapping[str, int]
    results: Mapping[str, Any]


def undisturbed(world: ChaosWorld, case: Case) -> Undisturbed:
    """Let the job be done."""
    job = uuid4()
    case.prepare(world)
    with Witness(case.folder(world, job)) as witness:
        case.ask(world, job)
        world.wait_until_completed(job)
        time.sleep(1.0)  # what the kernel has told may be a moment behind the row
        units = {stage: witness.units(stage) for stage in case.stages}
    return Undisturbed(job, units, case.results(world, job))


def disturb(
    world: ChaosWorld, case: Case, moments: Sequence[Moment], alone: Undisturbed
) -> list[Kill]:
    """Ask for the job, kill at the moments, and wait until it is completed all the same.

    It must leave what it leaves `alone`, and repeat at most one unit for each kill.
    """
    job, total = uuid4(), sum(alone.units.values())
    case.prepare(world)
    with Witness(case.folder(world, job)) as witness:
        case.ask(world, job)
        began, kills = time.monotonic(), list[Kill]()
        for moment in moments:
            if not _has_come(world, case, witness, moment, job, kills, began):
                break
            kills.append(_kill(world, case, witness, moment, began))
            if ends_up(moment.victims):
                world.start()
        while not (world.completed(job) and all(kill.recovered is not None for kill in kills)):
            assert time.monotonic() - began < JOB_PATIENCE, _told(kills)
            _look(world, witness, kills, began, over=world.completed(job))
            time.sleep(LOOK)
        _count(world, job, kills, began, witness.units_again(), total)
        # What the kernel has told may be a moment behind the row.
        assert witness.wait(lambda: witness.units() == total, SETTLED), witness.writes
    print(table(kills))
    assert kills, "the job was over before anybody was killed"
    assert all(kill.redone <= 1 for kill in kills)
    assert_as_if_nothing_had_been(world, case, job, alone)
    return kills


def assert_as_if_nothing_had_been(
    world: ChaosWorld, case: Case, job: UUID, alone: Undisturbed
) -> None:
    """The job leaves what it leaves alone, by one attempt that completed, and nothing else."""
    left = case.results(world, job)
    others = [name for name in {*left, *alone.results} if left.get(name) != alone.results.get(name)]
    assert not others, f"not as if nothing had been: {others}"
    world.assert_one_completed_attempt(job)
    folder, scratch = case.folder(world, job), world.home.path / "scratch"
    wait_until(
        lambda: not [*filter(parse_checkpoint_name, map(str, folder.iterdir()))],
        "its checkpoints go",
    )
    wait_until(lambda: not scratch.is_dir() or not any(scratch.iterdir()), "its scratch goes")


def _count(
    world: ChaosWorld, job: UUID, kills: Sequence[Kill], began: float, again: int, total: int
) -> None:
    """What each kill cost: what was kept again, and the attempts that began, before the next."""
    zero = time.time() - (time.monotonic() - began)
    starts = [attempt["created_at"].timestamp() - zero for attempt in world.attempts(job)]
    for kill, after in zip(kills, [*kills[1:], None], strict=True):
        kill.again = (after.again_before if after else again) - kill.again_before
        end = after.at if after else math.inf
        if kill.units < total:
            kill.broken_off = sum(kill.at < start <= end for start in starts)


def _has_come(
    world: ChaosWorld,
    case: Case,
    witness: Witness,
    moment: Moment,
    job: UUID,
    kills: Sequence[Kill],
    began: float,
) -> bool:
    """Wait for the moment: at least one unit or stage after the kill before it.

    False if the job was completed before: a short one may be, while others are being killed.
    """
    least = kills[-1].units + 1 if kills else 0
    earlier = case.stages[: case.stages.index(moment.stage)]

    def reached() -> bool:
        begun = all(witness.writes[f"stage-{stage}.json"] for stage in earlier)
        return begun and witness.units(moment.stage) >= moment.units and witness.units() >= least

    while not witness.wait(reached, LOOK):
        if world.completed(job):
            return False
        assert time.monotonic() - began < JOB_PATIENCE, _told(kills)
        _look(world, witness, kills, began, over=False)
    time.sleep(moment.delay)
    return True


def _kill(world: ChaosWorld, case: Case, witness: Witness, moment: Moment, began: float) -> Kill:
    now = time.monotonic() - began
    killed = kill_parts(world, moment.victims)
    stage = witness.stage_now() or case.stages[0]
    return Kill(moment, now, stage, witness.units(), killed, witness.units_again())


def _look(
    world: ChaosWorld, witness: Witness, kills: Sequence[Kill], began: float, *, over: bool
) -> None:
    """Note which kills are recovered from: all is back, and the job has gone on."""
    for kill in kills:
        if kill.recovered is None:
            gone_on = over or witness.last > began + kill.at + 0.1
            if gone_on and is_back(world, kill.moment.victims, kill.killed):
                kill.recovered = time.monotonic() - began - kill.at


def _told(kills: Sequence[Kill]) -> str:
    return f"the job did not come to its end after {kills}"


def table(kills: Sequence[Kill]) -> str:
    """For a person: one line a kill."""
    lines = [f"{'moment':>8}  {'stage':<12} {'victim':<24} {'recovered':>9}  redone"]
    for kill in kills:
        victims = " + ".join(kill.moment.victims)
        lines.append(
            f"{kill.at:>6.2f} s  {kill.stage:<12} {victims:<24} {kill.recovered or 0:>7.1f} s"
            f"  {kill.redone:>6}"
        )
    return "\n".join(lines)
