"""The parent's handle on the reading process: starts it, talks to it, ends it.

What the process does is in `reader_process`; what is done about its death is in `windows`.
"""

import contextlib
import json
import os
import selectors
import struct
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Self

from rhizome_pipelines.extraction.pdf.config import PdfConfig

PROGRAM = Path(__file__).with_name("reader_process.py")
MAX_ANSWER = 64 * 1024 * 1024
INHERITED_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "LC_ALL")


class ReaderDiedError(Exception):
    """The reading process crashed, was killed, or answered with more than `MAX_ANSWER` bytes."""


class ReaderTimedOutError(ReaderDiedError):
    """The reading process did not answer in time and was killed."""


class ReaderRefusedError(Exception):
    """The reading process answered with an error; `code` is PDFium's, where it gave one."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class Reader:
    """A reading process, started when first needed and replaced after each death.

    Not for use by two threads at once: `ask` holds a lock. `close()` ends the process; so
    do the garbage collector and the end of this process. `resident` is the resident memory in
    bytes that the process told with its latest answer. `program` is another program that speaks
    the protocol of `reader_process`.
    """

    def __init__(self, config: PdfConfig, program: Path = PROGRAM) -> None:
        self._config = config
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[[subprocess.Popen[bytes]], Reader] | None = None
        self._lock = threading.Lock()
        self.resident = 0

    @property
    def pid(self) -> int | None:
        """Of the living process, or None."""
        return self._process.pid if self._process is not None else None

    def ask(self, operation: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait at most `timeout` seconds for the answer.

        Raises ReaderDiedError, ReaderTimedOutError or ReaderRefusedError.
        """
        with self._lock:
            process = self._started()
            request = json.dumps({"op": operation, **arguments}).encode()
            try:
                answer = self._exchange(process, request, time.monotonic() + timeout)
            except BaseException:
                self._end()
                raise
            self.resident = int(answer["rss"])
            if self.resident > self._config.resident_limit:
                self._end()
        if "error" in answer:
            raise ReaderRefusedError(str(answer["error"]), answer.get("code"))
        result: dict[str, Any] = answer["ok"]
        return result

    def close(self) -> None:
        """End the process; the next request starts a new one."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                str(self._program),
                str(self._config.memory_limit),
                str(os.getpid()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Secrets of this process are no business of code that reads hostile files.
            env={
                **{name: os.environ[name] for name in INHERITED_ENVIRONMENT if name in os.environ},
                "MALLOC_ARENA_MAX": "2",
            },
            close_fds=True,
        )
        self._finalizer = weakref.finalize(self, _kill, self._process)
        return self._process

    def _end(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = None
        self._process = None

    @staticmethod
    def _exchange(
        process: subprocess.Popen[bytes], request: bytes, deadline: float
    ) -> dict[str, Any]:
        assert process.stdin is not None  # noqa: S101  opened as pipes above
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(struct.pack(">I", len(request)) + request)
            process.stdin.flush()
        except OSError as error:
            raise ReaderDiedError("the reading process ended") from error
        descriptor = process.stdout.fileno()
        (length,) = struct.unpack(">I", _read_exactly(descriptor, 4, deadline))
        if length > MAX_ANSWER:
            raise ReaderDiedError(f"the answer is larger than {MAX_ANSWER} bytes")
        body = _read_exactly(descriptor, length, deadline)
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError as error:
            raise ReaderDiedError("the answer is no JSON") from error
        return answer


def _read_exactly(descriptor: int, length: int, deadline: float) -> bytes:
    buffer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while len(buffer) < length:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                raise ReaderTimedOutError("the reading process did not answer in time")
            piece = os.read(descriptor, min(length - len(buffer), 1 << 20))
            if not piece:
                raise ReaderDiedError("the reading process ended")
            buffer += piece
    return bytes(buffer)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()
