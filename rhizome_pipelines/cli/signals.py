"""Being asked to end: SIGTERM does what Ctrl-C does, so that everything is put away."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKS = (signal.SIGTERM, signal.SIGINT)
_AGAIN_SECONDS = 0.05
"""After which a request is made once more that was dropped."""


@contextmanager
def asked_to_end() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first SIGTERM or SIGINT, also where a script ignores SIGINT.

    Further ones are ignored: they must not cut short the putting away, which takes some seconds.
    Python drops what is raised where nobody could catch it, in a finalizer or while it forks, and a
    request must not be lost with it: it is raised once more a moment later.
    """

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in _ASKS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, dropped
    before = {number: signal.signal(number, ask) for number in (*_ASKS, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
