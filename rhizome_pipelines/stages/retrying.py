"""Short faults, tried again where they happen: a dropped connection need not end an attempt."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rhizome_pipelines.lifecycle.errors import TransientError

Done = TypeVar("Done")


@dataclass(frozen=True)
class ShortRetries:
    """How often, and after how long, one piece of work is tried again within an attempt.

    `first_wait` doubles with each try; half of each wait is drawn by `jitter`, in [0, 1). Who asks
    for more than `longest_wait` gets it from the job's own retry. All in seconds.
    """

    tries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 5.0
    slice: float = 0.25
    """Between two questions whether to go on at all."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def run(
        self, work: Callable[[], Done], ask: Callable[[], None], say: Callable[[str], None]
    ) -> Done:
        """What `work` returns. `ask` raises to stop; it is asked all the while that is waited.

        Only a TransientError is tried again, and only where that makes sense at once; the last one
        propagates.
        """
        for made in range(1, self.tries):
            try:
                return work()
            except TransientError as fault:
                wait = self._wait_after(fault, made)
                if wait is None:
                    raise
                say(f"trying again ({made + 1} of {self.tries}): {fault.message}")
            self._sleep(wait, ask)
        return work()

    def _wait_after(self, fault: TransientError, made: int) -> float | None:
        asked = fault.retry_after or 0.0
        if not fault.again_at_once or asked > self.longest_wait:
            return None
        wait = self.first_wait * 2.0 ** (made - 1)
        return max(asked, wait / 2 + self.jitter() * wait / 2)

    def _sleep(self, seconds: float, ask: Callable[[], None]) -> None:
        ask()
        while seconds > 0:
            self.sleep(min(seconds, self.slice))
            seconds -= self.slice
            ask()
