"""`Progress` into the job's row: throttled, guarded, with a heart that beats by itself."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import psycopg

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.pace import JobPercent, Throttle, TimeLeft, merge_progress
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.stage_names import STAGE_WEIGHTS

log = logging.getLogger(__name__)

WRITE_INTERVAL = 0.25
"""Seconds between two writes of progress, at least."""

HEARTBEAT_INTERVAL = 3.0
"""Seconds between two signs of life, at most (a client's pulse goes out after 10)."""

RETRY_INTERVAL = 1.0
"""Seconds until a write that the database did not take is tried again."""

Pointer = tuple[str, str, str]


class ProgressReporter:
    """Reports of one attempt. Close it at the attempt's end: what is left is written then.

    The stages call from the main thread and never wait for a slow database, but for the two
    writes that are made at once. A daemon thread with a connection of its own writes the rest
    and the signs of life, also while the main thread is inside a long native call that has let
    go of the interpreter. What the database does not take is kept and tried again. Once the
    attempt has lost the job, nothing more is written.
    """

    def __init__(
        self,
        guard: GuardedJob,
        database: Database,
        stages: Sequence[str],
        *,
        done: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stages`: all of the job's, in order. `done`: those that earlier attempts have finished.

        `clock` gives seconds from any fixed moment.
        """
        self._guard = guard
        self._clock = clock
        self._percent = JobPercent(stages, {str(key): part for key, part in STAGE_WEIGHTS.items()})
        for stage in done:
            self._percent.advance(stage, 1.0)
        self._time_left = TimeLeft()
        self._throttle = Throttle(WRITE_INTERVAL)
        self._begun: set[str] = set()

        self._own_database = Database(database.url, max_connections=1, patience=5.0)
        self._own_guard = GuardedJob(self._own_database, guard.fence.job_id, guard.fence.number)
        # `_state` guards the fields below and is held for moments; `_writing` is held during a
        # write, so that an older patch never overtakes a newer one. `_writing` is taken first.
        self._writing = threading.Lock()
        self._state = threading.Condition()
        self._patch: dict[str, Any] = {}
        self._pointer: Pointer | None = None
        self._lost = False
        self._closed = False
        self._thread = threading.Thread(target=self._beat, name="rhizome-progress", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ownership_lost(self) -> bool:
        """Whether a write has found that the job is not this attempt's any more."""
        return self._lost

    def stage(self, name: str, fraction: float, details: str, counters: Mapping[str, int]) -> None:
        """See `Progress`."""
        with self._state:
            now = self._clock()
            before, exact = self._percent.exact, self._percent.advance(name, fraction)
            if name not in self._begun:
                # the first report of a stage tells what was there already
                self._begun.add(name)
                self._time_left.jump(exact - before)
            stage_data: dict[str, Any] = dict(counters)
            seconds_left = self._time_left.estimate(now, exact)
            if seconds_left is not None:
                stage_data["seconds_left"] = seconds_left
            self._add(
                {
                    "percent": self._percent.shown,
                    "stage": name,
                    "substage": "working",
                    "details": details,
                    "stage_data": stage_data,
                }
            )

    def checkpoint(self, stage: str, path: str, hash: str) -> None:
        """See `Progress`."""
        with self._state:
            self._pointer = (stage, path, hash)
        self._flush(self._guard)

    def stage_finished(self, name: str) -> None:
        """See `Progress`."""
        with self._state:
            self._percent.advance(name, 1.0)
            self._add(
                {
                    "percent": self._percent.shown,
                    "stage": name,
                    "substage": "finished",
                    "completed_stages": [name],
                    "stage_timestamps": {name: datetime.now(UTC).isoformat()},
                }
            )
        self._flush(self._guard)

    def close(self) -> None:
        """Write what is left and stop the heart. May be called twice."""
        with self._state:
            if self._closed:
                return
            self._closed = True
            self._state.notify_all()
        self._thread.join()
        self._own_database.close()
        self._flush(self._guard)

    def _add(self, patch: Mapping[str, Any]) -> None:
        self._patch = merge_progress(self._patch, patch)
        self._state.notify_all()

    # Writing

    def _flush(self, guard: GuardedJob) -> bool:
        """Write what is waiting; whether the database took it (or there was nothing to write)."""
        with self._writing:
            with self._state:
                patch, self._patch = self._patch, {}
                pointer, self._pointer = self._pointer, None
                lost = self._lost
            if lost:
                return True
            try:
                if pointer is not None:
                    guard.pointer(*pointer)
                if patch:
                    guard.progress(patch)
            except OwnershipLostError:
                self._lost = True
            except TransientError as fault:
                log.warning("Progress could not be written yet: %s", fault.message)
                self._keep(patch, pointer)
                return False
            except psycopg.Error:
                # what the database will never take must not stop the heart
                log.exception("Progress was refused by the database and is dropped: %s", patch)
            finally:
                self._throttle.wrote(self._clock())
            return True

    def _keep(self, patch: dict[str, Any], pointer: Pointer | None) -> None:
        with self._state:
            self._patch = merge_progress(patch, self._patch)
            self._pointer = self._pointer or pointer

    def _heartbeat(self) -> bool:
        try:
            with self._writing:
                if not self._lost:
                    self._own_guard.heartbeat()
        except OwnershipLostError:
            self._lost = True
        except TransientError as fault:
            log.warning("No sign of life could be given: %s", fault.message)
            return False
        return True

    # The thread

    def _beat(self) -> None:
        """Until closed or the job is lost: write what waits, when it may be; else a heartbeat."""
        next_beat = self._clock()
        while True:
            with self._state:
                while not self._closed and not self._lost:
                    pause = self._pause(next_beat)
                    if pause <= 0:
                        break
                    self._state.wait(pause)
                if self._closed or self._lost:
                    return
                waiting = bool(self._patch) or self._pointer is not None
            taken = self._flush(self._own_guard) if waiting else self._heartbeat()
            next_beat = self._clock() + (HEARTBEAT_INTERVAL if taken else RETRY_INTERVAL)
            if not taken:
                with self._state:
                    self._state.wait_for(lambda: self._closed, RETRY_INTERVAL)

    def _pause(self, next_beat: float) -> float:
        now = self._clock()
        until_beat = next_beat - now
        if self._patch or self._pointer is not None:
            return min(until_beat, self._throttle.wait(now))
        return until_beat
