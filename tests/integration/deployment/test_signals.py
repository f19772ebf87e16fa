"""A request to end is never lost."""

import signal
import time

import pytest

from rhizome_pipelines.cli.signals import asked_to_end


class Finalized:
    """Is interrupted where nobody can catch it."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_interrupt_and_further_ones_are_nothing(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), asked_to_end():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            time.sleep(0.01)
    assert signal.getsignal(number) is before


def test_an_interrupt_that_python_has_to_drop_comes_again() -> None:
    alarm = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), asked_to_end():
        Finalized()
        time.sleep(30)
        pytest.fail("it was lost")
    assert signal.getsignal(signal.SIGALRM) is alarm
