"""What launcher and warm process say to each other: one JSON object a line, over a Unix socket.

The socket lies in a folder that only its user can enter. Secrets (an instance may be configured
with a password) go through it, and never through arguments or files.
"""

import json
import socket
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

LONGEST_LINE = 16 * 2**20
"""Bytes; an instance's reference has a few thousand."""

LONGEST_GRACE = 10.0**9
"""Seconds; a number that is none of them (NaN) must not get into the deadlines."""

CONNECT_TIMEOUT = 5.0
"""Seconds; a Unix socket takes a connection at once, unless too many wait already."""


class Wish(StrEnum):
    """What is asked of a warm process."""

    PING = "ping"
    """Are you current?"""
    RUN = "run"
    """Fork a worker for this run."""
    END = "end"
    """See to it that this run's worker, which was interrupted, ends within `grace` seconds."""
    LEAVE = "leave"
    """End, if you have no worker and nobody but me is connected: another one needs the room."""


class Answer(StrEnum):
    """What it answers."""

    OK = "ok"
    STALE = "stale"
    """It has loaded what is no longer there; it takes no more runs, and ends after its last."""
    UNUSABLE = "unusable"
    """It could not load the code, or cannot be forked safely; `reason` says why."""
    UNKNOWN = "unknown"
    """No such worker here; or, to LEAVE: no."""


@dataclass(frozen=True)
class Request:
    wish: Wish
    run_id: str = ""
    grace: float = 0.0


@dataclass(frozen=True)
class Reply:
    answer: Answer
    reason: str = ""
    worker: str = ""
    """The worker's identity, as JSON."""


@dataclass(frozen=True)
class Birth:
    """What a warm process is told by its standard input: what it shall be."""

    folder: str
    digest: str
    instance_ref: str
    code_origin: str
    modules: list[str] = field(default_factory=list)
    prepare: list[str] = field(default_factory=list)
    """Functions to be called after loading, as `module:function`."""
    watched: list[str] = field(default_factory=list)
    linger_seconds: float = 60.0
    growth_megabytes: int = 200


def encode(message: Request | Reply | Birth) -> bytes:
    return json.dumps(asdict(message)).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises ValueError, KeyError or TypeError if it is none."""
    told = json.loads(line)
    request = Request(
        Wish(told["wish"]), str(told.get("run_id", "")), float(told.get("grace", 0.0))
    )
    if not 0 <= request.grace < LONGEST_GRACE:
        raise ValueError("A grace period is a number of seconds.")
    return request


def decode_reply(line: bytes) -> Reply:
    told = json.loads(line)
    return Reply(**{**told, "answer": Answer(told["answer"])})


def decode_birth(text: str) -> Birth:
    told: dict[str, Any] = json.loads(text)
    return Birth(**told)


class LineReader:
    """Lines out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now. Raises ValueError for one that is too long."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            raise ValueError("A line of the warm launcher's protocol is too long.")
        return lines


class Conversation:
    """The asking end of a connection. Kept open, it tells the warm process that it is needed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = LineReader()

    @classmethod
    def with_process_at(cls, path: str) -> Self:
        """Connect. Raises OSError if nobody listens there."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_TIMEOUT)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return cls(connection)

    def ask(self, request: Request, timeout: float) -> Reply:
        """Raises OSError (ConnectionError, TimeoutError) if no answer comes."""
        self._connection.settimeout(timeout)
        self._connection.sendall(encode(request))
        while True:
            data = self._connection.recv(65536)
            if not data:
                raise ConnectionResetError("The warm process ended without an answer.")
            try:
                for line in self._reader.feed(data):
                    return decode_reply(line)
            except (ValueError, KeyError, TypeError) as fault:
                raise ConnectionAbortedError("That is no answer of a warm process.") from fault

    def close(self) -> None:
        self._connection.close()
