"""Worker, what launches it, and the database are killed in the middle of a book, each once."""

from pathlib import Path

from tests.system.chaos.campaign import STAGES, Moment, disturb, table
from tests.system.chaos.victims import Part
from tests.system.chaos.world import chaos_world
from tests.system.home import Home

MOMENTS = (
    Moment("extraction", 3, 0.05, (Part.WORKER,)),
    Moment("chunking", 1, 0.02, (Part.CODE_SERVER, Part.DAEMON)),
    Moment("embeddings", 1, 0.02, (Part.POSTGRES,)),
)


def test_whoever_is_killed_the_job_goes_on_and_ends_as_if_nothing_had_been(
    home: Home, port: int, tmp_path: Path
) -> None:
    with chaos_world(home, port, tmp_path) as world:
        with world.watched() as witness:
            undisturbed = world.ask()
            world.wait_until_completed(undisturbed)
            units = {stage: witness.units(stage) for stage in STAGES}
        assert min(units.values()) > 1
        expected = world.results()

        job, kills = disturb(world, MOMENTS, sum(units.values()))

        print(table(kills))
        assert world.results() == expected
        world.assert_one_completed_attempt(job)
        assert [kill.again for kill in kills] == [0, 0, 0]
        world.stop()
        world.assert_leaves_nothing()
