"""Somebody to carry out wishes: the deployment that is up, or one of our own for a while."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rhizome_pipelines.deployment.presence import somebody_is_there, withdraw_sign
from rhizome_pipelines.deployment.processes import DagsterProcesses
from rhizome_pipelines.deployment.services import Services


@dataclass
class Workforce:
    """Keeps somebody at work; `check` is to be called now and then."""

    services: Services
    _stack: ExitStack = field(default_factory=ExitStack)
    _own: DagsterProcesses | None = None

    def check(self) -> None:
        """Start a deployment if nobody is there. Raises TransientError if our own has died."""
        if self._own is not None:
            self._own.raise_if_dead()
        elif not somebody_is_there(self.services.database):
            self._own = self._stack.enter_context(
                DagsterProcesses(self.services.settings).running()
            )

    @property
    def temporary(self) -> bool:
        """Whether the deployment is our own and ends with us."""
        return self._own is not None

    def close(self) -> None:
        """End what we started."""
        self._stack.close()
        if self._own is not None:
            withdraw_sign(self.services.database)


@contextmanager
def workforce(services: Services) -> Iterator[Workforce]:
    """A workforce for as long as the context lasts."""
    workers = Workforce(services)
    try:
        workers.check()
        yield workers
    finally:
        workers.close()
