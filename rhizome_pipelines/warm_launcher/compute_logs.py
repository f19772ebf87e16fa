"""Compute logs on the local disk without the processes that copy them to a terminal.

Dagster's own manager starts four processes for each capture (two `tail`, two that watch them), so
that what a step prints is seen in the terminal too. A worker of the warm launcher has no terminal.
"""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._utils import ensure_file, touch_file

from rhizome_pipelines.warm_launcher.worker import is_worker


class QuietComputeLogManager(LocalComputeLogManager):
    """Dagster's LocalComputeLogManager; in a worker the logs go to their files and nowhere else."""

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """As the parent class does it outside of workers."""
        if not is_worker():
            with super().capture_logs(log_key) as captured:
                yield captured
            return
        out, err = (
            self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        for path in (out, err):
            ensure_file(path)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, err):
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))  # type: ignore[no-untyped-call]
