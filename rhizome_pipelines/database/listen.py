"""LISTEN: being told of changes in `background_jobs` while a connection is open.

A transaction pooler allows no LISTEN, and a notification sent while nobody listens is lost: who
listens must look at the rows as well, after having begun to listen.
"""

import time
from collections.abc import Iterator
from typing import Self

import psycopg
from psycopg import sql

from rhizome_pipelines.database.connection import Connection, connect, normalise_url, translated
from rhizome_pipelines.lifecycle.errors import TransientError

WISHES = "rhizome_wish"
"""INSERT, status change, DELETE, a retry brought forward, the end of an attempt:
JSON {"op", "id", "status"}."""

PROGRESS = "rhizome_progress"
"""Any other change of a row; the payload is its id."""


class Listener:
    """A connection that listens from the moment the context is entered."""

    def __init__(self, url: str, *channels: str) -> None:
        self.url = normalise_url(url)
        self._channels = channels
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        self._connection = connect(self.url)
        try:
            for channel in self._channels:
                self.listen(channel)
        except TransientError:
            self._connection.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def listen(self, channel: str) -> None:
        """Hear of this channel too, from now on."""
        try:
            self.connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
        except psycopg.OperationalError as error:
            raise translated(self.url, error) from error

    def notifications(self, timeout: float) -> Iterator[tuple[str, str]]:
        """Channel and payload of what arrives within `timeout` seconds, as it arrives.

        The time that the caller takes for each counts. What arrived since the context was
        entered is told as well. Raises TransientError when the connection breaks.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            yield from self._arrived(left)

    def wait(self, timeout: float) -> int:
        """How many notifications have come: one is waited for, and all that are there are taken.

        So a burst is answered once. Raises TransientError when the connection breaks.
        """
        first = len(self._arrived(timeout))
        return first + len(self._arrived(0)) if first else 0

    @property
    def connection(self) -> Connection:
        """The connection that listens; what it holds is given up when the context ends."""
        if self._connection is None:
            raise RuntimeError("The listener is used outside its context.")
        return self._connection

    def _arrived(self, timeout: float) -> list[tuple[str, str]]:
        try:
            arrived = list(self.connection.notifies(timeout=timeout, stop_after=1))
        except psycopg.OperationalError as error:
            raise translated(self.url, error) from error
        return [(one.channel, one.payload) for one in arrived]


def listen(url: str, channel: str, timeout: float) -> Iterator[str]:
    """Payloads of one channel for `timeout` seconds. Use `Listener` where none may be missed."""
    with Listener(url, channel) as listener:
        for _, payload in listener.notifications(timeout):
            yield payload
