"""Which outside services have answered while something was done.

A client that has a usable answer says so in one line; whoever walks the work listens. What a
client asks is hidden behind models and enrichers that need not know of circuits, so the note goes
past them. It follows the thread: work that a thread of its own does must hand its notes over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ANSWERED: ContextVar[set[str] | None] = ContextVar("answered", default=None)


def answered(provider: str) -> None:
    """Note that the service at this host (`api.openai.com`) has given a usable answer."""
    heard = _ANSWERED.get()
    if heard is not None:
        heard.add(provider.lower())


@contextmanager
def hearing_answers() -> Iterator[set[str]]:
    """The hosts that have answered in this block so far, in lower case."""
    heard: set[str] = set()
    token = _ANSWERED.set(heard)
    try:
        yield heard
    finally:
        _ANSWERED.reset(token)
