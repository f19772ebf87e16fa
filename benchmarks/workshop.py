"""Where benchmarks keep what they fetch and make, and how they say that they cannot go on."""

import json
import platform
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(__file__).with_name(".cache")
GIBIBYTE = 1024**3


class CannotMeasureError(Exception):
    """Something that the benchmark needs is not here; the message says what, and what to do."""


@dataclass(frozen=True)
class Workshop:
    """`quick`: as few repetitions and as small documents as show that all works.

    `rounds`: how often to repeat instead of as usual.
    """

    cache: Path = CACHE
    quick: bool = False
    rounds: int | None = None

    def repetitions(self, usual: int) -> int:
        return 1 if self.quick else self.rounds or usual

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """An empty folder, removed afterwards."""
        path = self.cache / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command. Raises CannotMeasureError with the end of what it said if it fails."""
    try:
        return subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, text=True, **options
        )
    except FileNotFoundError:
        raise CannotMeasureError(f"The command {command[0]} is not installed here.") from None
    except subprocess.CalledProcessError as error:
        end = " ⏎ ".join((error.stderr or error.stdout).strip().splitlines()[-5:])
        shown = " ".join(Path(part).name for part in command[:4])
        raise CannotMeasureError(f"`{shown} …` ended with {error.returncode}: {end}") from error


def free_port() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def restore_interrupt() -> None:
    """A script's background job inherits an ignored SIGINT; Dagster would then ignore TERM too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def measured(command: Sequence[str | Path]) -> dict[str, Any]:
    """What a program of ours prints, as JSON, in its last line. Its failure is a defect."""
    try:
        answer = run(command, cwd=ROOT)
    except CannotMeasureError as error:
        raise RuntimeError(str(error)) from error
    found: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
    return found


def machine() -> dict[str, Any]:
    """What a reader needs to know of the machine; nothing that names it."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processors": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIBIBYTE),
        "python": platform.python_version(),
        "dagster": version("dagster"),
        "liteparse": version("liteparse"),
        "load_at_end": round(psutil.getloadavg()[0], 1),
    }
