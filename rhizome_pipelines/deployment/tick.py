"""One tick of the sensor: look, and if there is nothing to launch, listen for wishes."""

import time
from collections.abc import Sequence

from rhizome_pipelines.database.listen import WISHES, Listener
from rhizome_pipelines.deployment.presence import is_stopping, leave_sign
from rhizome_pipelines.deployment.reconciliation import LaunchRequest, Reconciler
from rhizome_pipelines.deployment.services import Services

LOOK_ANYWAY_SECONDS = 2.0
"""Runs that end, and heartbeats that stop, are told by nobody: look at them now and then."""


def tick(reconciler: Reconciler, services: Services) -> Sequence[LaunchRequest]:
    """Launch requests as soon as there are any, or none when the tick's time is used up.

    Listening begins before the first look, so that no wish falls between the two.
    """
    deadline = time.monotonic() + services.settings.tick_seconds
    with Listener(services.database.url, WISHES) as listener:
        while not is_stopping(services.settings.home):
            leave_sign(services.database)
            launches = reconciler.look()
            left = deadline - time.monotonic()
            if launches or left <= 0:
                return launches
            next(listener.notifications(min(left, LOOK_ANYWAY_SECONDS)), None)
    return ()
