"""An embedding service in the benchmark's own process, which counts the texts it embeds.

Its vectors are those of `programs/embedder.py`. It takes a fixed time a text and makes one vector
after the other, as a model on one device does, so that how far the work is does not depend on how
many ask at once. It outlives whoever is killed, and so does its count. A request whose asker is
gone before its turn is dropped, as good services do: that is kind to whoever asks for much at once.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from benchmarks.programs.embedder import Answers, vector
from benchmarks.workshop import CannotMeasureError

SECONDS_PER_TEXT = 0.005


class CountedEmbedder(ThreadingHTTPServer):
    """`made` counts texts embedded since `reset`; also those whose asker died meanwhile."""

    daemon_threads = True

    def __init__(self, seconds_per_text: float = SECONDS_PER_TEXT) -> None:
        super().__init__(("127.0.0.1", 0), _CountedAnswers)
        self._seconds = seconds_per_text
        self._device = threading.Lock()
        self._changed = threading.Condition()
        self._texts: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """`…/v1`."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def made(self) -> int:
        with self._changed:
            return self._texts.total()

    @property
    def distinct(self) -> int:
        with self._changed:
            return len(self._texts)

    def reset(self) -> None:
        with self._device, self._changed:
            self._texts.clear()

    def embed(self, texts: list[str], asker: socket.socket | None = None) -> list[list[float]]:
        """Raises ConnectionError if the asker is gone when its turn comes."""
        with self._device:
            if asker is not None and _gone(asker):
                raise ConnectionAbortedError
            time.sleep(self._seconds * len(texts))
            vectors = [vector(text) for text in texts]
            with self._changed:
                self._texts.update(texts)
                self._changed.notify_all()
        return vectors

    def wait_until_made(self, count: int, limit: float) -> None:
        """Raises CannotMeasureError if it takes more than `limit` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._texts.total() >= count, limit):
                raise CannotMeasureError(
                    f"Only {self._texts.total()} of {count} texts were embedded in {limit:.0f} s."
                )

    def handle_error(self, *_: Any) -> None:
        """Whoever asked may have been killed meanwhile."""


class _CountedAnswers(Answers):
    server: CountedEmbedder

    def vectors(self, texts: list[str]) -> list[list[float]]:
        return self.server.embed(texts, self.connection)


def _gone(asker: socket.socket) -> bool:
    """Whether the other side has closed; one that waits for an answer says nothing."""
    try:
        return asker.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@contextmanager
def counted_embedder() -> Iterator[CountedEmbedder]:
    """The service, listening on this machine."""
    with CountedEmbedder() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
