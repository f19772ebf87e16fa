"""Ending all warm processes and workers of a launcher, from any process."""

import signal
import time
from dataclasses import dataclass, field

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.registry import Registry

_POLL = 0.05  # seconds


@dataclass
class Shutdown:
    """First `ask` all to end, then `wait` until they have."""

    place: Place
    _asked: list[ProcessIdentity] = field(default_factory=list)

    def ask(self) -> None:
        """Warm processes take no more runs; workers are interrupted, and end at a safe point."""
        for process in self._living():
            process.signal(signal.SIGTERM)
            self._asked.append(process)

    def wait(self, seconds: float) -> bool:
        """Kill what has not ended after that time. True if there was anything to end."""
        deadline = time.monotonic() + seconds
        while (living := [one for one in self._asked if one.alive]) and (
            time.monotonic() < deadline
        ):
            time.sleep(_POLL)
        for process in [*living, *self._living()]:
            process.kill_group()
        return bool(self._asked)

    def _living(self) -> list[ProcessIdentity]:
        found = [entry.worker for entry in Registry(self.place).entries()]
        for record in self.place.processes.glob("*.json"):
            try:
                process = ProcessIdentity.from_json(record.read_text())
            except FileNotFoundError:
                continue
            found += [process] if process is not None else []
        return [process for process in dict.fromkeys(found) if process.alive]
