"""Indexing that can be begun, killed with SIGKILL, begun again and waited for: ours, and a peer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import psutil

from benchmarks.deployment import LOOK_SECONDS, Home, new_home
from benchmarks.folder_work import Peer, chunk_count, hash_model, peer
from benchmarks.wishes import wish
from benchmarks.workshop import ROOT, CannotMeasureError, Workshop, free_port, restore_interrupt
from rhizome_pipelines.lifecycle.documents import SourceType

END_SECONDS = 30.0
DEATH_SECONDS = 10.0

_STATES = """
    select count(*) filter (where status <> 'completed') as open,
           count(*) filter (where status in ('failed', 'cancelled', 'paused')
                            and next_retry_at is null) as stuck,
           min(error_message) as message
    from background_jobs where user_id = %s
"""


class Indexing(Protocol):
    """A folder on its way into pgvector."""

    def begin(self) -> None:
        """Start all processes; what was begun before is gone on with."""

    def kill(self) -> None:
        """SIGKILL for every process of it; its database stays."""

    def finish(self, limit: float) -> int:
        """Wait until all is indexed; the chunks stored. Raises CannotMeasureError."""


@dataclass
class Ours:
    """A row in `background_jobs` for each file, and `rhizome up`."""

    home: Home
    environment: dict[str, str]
    user: UUID
    up: "subprocess.Popen[bytes] | None" = None

    def begin(self) -> None:
        with (self.home.path / "up.log").open("ab") as log:
            self.up = subprocess.Popen(
                [Path(sys.executable).with_name("rhizome"), "up", "--port", str(free_port())],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=restore_interrupt,
            )

    def kill(self) -> None:
        """Also what is forked or started while others are killed already."""
        while living := self._processes():
            for process in living:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(living, DEATH_SECONDS)
        if self.up is not None:
            self.up.wait()

    def finish(self, limit: float) -> int:
        database = self.home.services.database
        deadline = time.monotonic() + limit
        while True:
            states: dict[str, Any] | None = database.first(_STATES, (self.user,))
            if states is None or states["stuck"] or time.monotonic() > deadline:
                raise CannotMeasureError(f"Ours did not come to its end: {states}")
            if not states["open"]:
                return chunk_count(database, self.user)
            if self.up is not None and self.up.poll() is not None:
                raise CannotMeasureError(f"`rhizome up` ended with {self.up.returncode}.")
            time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """Politely first."""
        if self.up is not None:
            self.up.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.up.wait(END_SECONDS)
        self.kill()

    def _processes(self) -> list[psutil.Process]:
        """All but the database, which this process has started."""
        return [one for one in psutil.process_iter() if _environment_names(one, self.home.path)]


@dataclass
class OfPeer:
    """One process."""

    peer: Peer
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def begin(self) -> None:
        with (self.peer.state / "log").open("wb") as log:
            self.process = subprocess.Popen(
                self.peer.command(str(self.folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def finish(self, limit: float) -> int:
        if self.process is None or self.process.wait(limit) != 0:
            raise CannotMeasureError(f"{self.peer.name} failed: {self._last_words()}")
        return self.peer.chunks()

    def _last_words(self) -> str:
        return (self.peer.state / "log").read_text(errors="replace")[-500:]


@contextmanager
def ours(workshop: Workshop, folder: Path, embedder: str) -> Iterator[Ours]:
    """A home whose rows wait for the first `begin`; nothing of it is left afterwards."""
    with new_home(workshop) as home:
        user = uuid4()
        paths = sorted(folder.iterdir())
        wish(
            home.services.database,
            [home.add(path, user, SourceType.MARKDOWN_ASIS) for path in paths],
        )
        environment = {
            **{name: value for name, value in os.environ.items() if "RHIZOME" not in name},
            "RHIZOME_HOME": str(home.path),
            **hash_model(embedder),
        }
        one = Ours(home, environment, user)
        try:
            yield one
        finally:
            one.end()


@contextmanager
def of_peer(workshop: Workshop, name: str, folder: Path, embedder: str) -> Iterator[OfPeer]:
    """A peer that knows nothing yet; nothing of it is left afterwards."""
    with peer(workshop, name, embedder) as known:
        one = OfPeer(known, folder)
        try:
            yield one
        finally:
            one.kill()


def _environment_names(process: psutil.Process, home: Path) -> bool:
    with suppress(psutil.Error):
        return process.environ().get("RHIZOME_HOME") == str(home)
    return False
