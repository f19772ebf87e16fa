"""One tick of the sensor: wait for the turn, look, and listen for wishes until the time is up.

Two sensors stand over this function, and the ticks of one begin while the other's are under way:
one works, the other waits for its turn, and takes it over in the moment it is given up.
"""

import time
from collections.abc import Sequence

from rhizome_pipelines.database.listen import WISHES, Listener
from rhizome_pipelines.database.turn import TURNS, give_up_turn, take_turn
from rhizome_pipelines.deployment.presence import SIGN_SECONDS, is_stopping, leave_sign
from rhizome_pipelines.deployment.reconciliation import Reconciler
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.launch import LaunchRequest

LOOK_ANYWAY_SECONDS = 2.0
"""Workers that die, and heartbeats that stop, are told by nobody: look at them now and then."""

ASK_ANYWAY_SECONDS = 1.0
"""Who had the turn may have died without a word: ask for it now and then."""

PATIENCE = 0.55
"""The part of its time that a tick waits for its turn. Dagster looks every 5 s which sensor's tick
is over, and begins the next. If two ticks began at the same moment, the one that waits gives up
before the 5 s are over, and begins again in the middle of the other's: from then on they relieve
each other, and with ticks of 7 s either may be more than a second late."""

LOCK_SECONDS = 1.0
"""How long one job's row, held by another program, may hold up the look at all others."""

STOP_SECONDS = 0.2
"""How soon a tick notices that its deployment is ending."""


def tick(reconciler: Reconciler, services: Services) -> Sequence[LaunchRequest]:
    """Do what there is to do until the time is up.

    Runs that cannot be launched from inside the tick are returned, and end it. Listening begins
    before the first look, so that no wish falls between the two.
    """
    began, seconds = time.monotonic(), services.settings.tick_seconds
    services.database.limit_lock_waits(LOCK_SECONDS)
    with Listener(services.database.url, TURNS) as listener:
        if not _has_turn(listener, services, began + PATIENCE * seconds):
            reconciler.did["waits for another tick"] += 1
            return ()
        listener.listen(WISHES)
        launches = _work(reconciler, listener, services, began + seconds)
        # Not after an error: then the turn ends with the connection.
        give_up_turn(listener)
        return launches


def _has_turn(listener: Listener, services: Services, deadline: float) -> bool:
    """Wait for the turn; False if it has not come until the deadline."""
    while not take_turn(listener):
        if time.monotonic() >= deadline or is_stopping(services.settings.home):
            return False
        _wait(listener, services, min(deadline, time.monotonic() + ASK_ANYWAY_SECONDS))
    return True


def _work(
    reconciler: Reconciler, listener: Listener, services: Services, deadline: float
) -> Sequence[LaunchRequest]:
    reconciler.runs.prepare()
    next_sign = time.monotonic()
    while not is_stopping(services.settings.home):
        if time.monotonic() >= next_sign:
            leave_sign(services.database)
            next_sign = time.monotonic() + SIGN_SECONDS
        launches = reconciler.look()
        if launches or time.monotonic() >= deadline:
            return launches
        _wait(listener, services, min(deadline, time.monotonic() + LOOK_ANYWAY_SECONDS))
    return ()


def _wait(listener: Listener, services: Services, until: float) -> None:
    """Until something is told, the deployment is ending, or the moment has come."""
    while (left := until - time.monotonic()) > 0 and not is_stopping(services.settings.home):
        if listener.wait(min(left, STOP_SECONDS)):
            return
