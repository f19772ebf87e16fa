"""Being asked to end: SIGTERM does what Ctrl-C does, so that everything is put away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_end() -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM, and at SIGINT even where a script had it ignored."""
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
