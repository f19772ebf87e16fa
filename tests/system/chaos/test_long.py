"""Many kills in turn, in every stage: `make chaos`. CHAOS_SEED and CHAOS_KILLS choose others."""

import itertools
import os
import random
from pathlib import Path

import pytest

from tests.system.chaos.campaign import STAGES, disturb, plan, table
from tests.system.chaos.victims import IN_TURN
from tests.system.chaos.world import chaos_world
from tests.system.home import Home

SEED = int(os.environ.get("CHAOS_SEED", "1"))
KILLS = int(os.environ.get("CHAOS_KILLS", "32"))

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_600)]


def test_killed_at_random_moments_every_job_ends_as_if_nothing_had_been(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, turn = random.Random(SEED), itertools.cycle(IN_TURN)
    print(f"\nCHAOS_SEED={SEED} CHAOS_KILLS={KILLS}")
    with chaos_world(home, port, tmp_path) as world:
        with world.watched() as witness:
            world.wait_until_completed(world.ask())
            units = {stage: witness.units(stage) for stage in STAGES}
        expected = world.results()
        for _ in range(0, KILLS, len(STAGES)):
            moments = plan(chance, units, turn)
            job, kills = disturb(world, moments, sum(units.values()))
            print(table(kills))
            assert world.results() == expected
            world.assert_one_completed_attempt(job)
            assert max(kill.redone for kill in kills) <= 1
        world.stop()
        world.assert_leaves_nothing()
