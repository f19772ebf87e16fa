"""The warm process is killed at many moments around the fork: no run is executed twice."""

import threading
import time

import pytest
from dagster import DagsterRunStatus

from tests.integration.warm_launcher.world import World


@pytest.mark.system
@pytest.mark.parametrize("milliseconds", [0, 5, 20, 40, 160])
def test_a_run_is_executed_once_whenever_its_warm_process_is_killed(
    shared: World, milliseconds: int
) -> None:
    shared.execute("quick")
    warm = shared.the_warm_one()
    run_id = shared.make("quick")
    asking = threading.Thread(target=shared.submit, args=(run_id,))
    asking.start()
    time.sleep(milliseconds / 1000)
    shared.kill(warm)
    asking.join()
    assert shared.end_of(run_id).status is DagsterRunStatus.SUCCESS
    assert len(shared.notes(run_id)) == 1
