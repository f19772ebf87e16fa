"""Being asked to end: SIGTERM does what Ctrl-C does, so that everything is put away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def asked_to_end() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first SIGTERM or SIGINT, also where a script ignores SIGINT.

    Further ones are ignored: they must not cut short the putting away, which takes some seconds.
    """

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in _ASKS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, ask) for number in _ASKS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
