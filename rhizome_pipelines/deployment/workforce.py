"""Somebody to carry out wishes: the deployment that is up, or one of our own for a while."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rhizome_pipelines.deployment.lock import DeploymentLock
from rhizome_pipelines.deployment.presence import somebody_is_there, withdraw_sign
from rhizome_pipelines.deployment.processes import DagsterProcesses
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import TransientError

PATIENCE_SECONDS = 180.0
"""How long a deployment may take to give a sign of life, on a machine that is busy."""


@dataclass
class Workforce:
    """Keeps somebody at work; `check` is to be called now and then."""

    services: Services
    _stack: ExitStack = field(default_factory=ExitStack)
    _own: DagsterProcesses | None = None
    _last_sign: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Start a deployment if nobody is there and none is being started in this home.

        A process of our own that died is started again. Raises TransientError if it keeps dying,
        or if whoever should be there stays silent.
        """
        if self._own is not None:
            self._own.revive()
        if somebody_is_there(self.services.database):
            self._last_sign = time.monotonic()
            return
        if self._own is None:
            self._start()
        if time.monotonic() - self._last_sign > PATIENCE_SECONDS:
            raise TransientError(
                f"Nobody carries out wishes: the deployment of {self.services.settings.home} has "
                f"given no sign of life for {PATIENCE_SECONDS:.0f} s. See the logs in "
                f"{DagsterProcesses(self.services.settings).logs_folder}; `rhizome down` ends it."
            )

    def close(self) -> None:
        """End what we started."""
        if self._own is not None:
            withdraw_sign(self.services.database)
        self._stack.close()

    def _start(self) -> None:
        """A deployment of our own, unless another process of this home is about to have one."""
        lock = DeploymentLock(self.services.settings.home)
        if not lock.acquire():
            return
        self._stack.callback(lock.release)
        self._own = self._stack.enter_context(DagsterProcesses(self.services.settings).running())
        self._last_sign = time.monotonic()


@contextmanager
def workforce(services: Services) -> Iterator[Workforce]:
    """A workforce for as long as the context lasts."""
    workers = Workforce(services)
    try:
        workers.check()
        yield workers
    finally:
        workers.close()
