"""Whether and when a job that has failed is tried again by itself."""

from dataclasses import dataclass

from rhizome_pipelines.lifecycle.errors import ErrorType, Explained

FIRST_DELAY = 10.0
"""Seconds before the first retry, about; each later one waits twice as long."""

LONGEST_DELAY = 15 * 60.0
"""Seconds that a retry waits at most, unless the other side has asked for more."""

LONGEST_ASKED = 24 * 60 * 60.0
"""Seconds of waiting that another side may ask for (`Retry-After`)."""


@dataclass(frozen=True)
class RetryIn:
    """Try again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class GiveUp:
    """The job has failed for good. `tried`: all retries were used, which a person is told."""

    tried: bool


def retry_after(
    fault: Explained, retry_count: int, max_retries: int, random: float
) -> RetryIn | GiveUp:
    """Only what may be over soon is tried again: exponential backoff, with equal jitter and a cap.

    `random` is in [0, 1): half of a delay is certain, so that a busy server has its rest, and half
    is drawn, so that jobs which failed together do not come back together (M. Brooker, Exponential
    Backoff and Jitter, AWS Architecture Blog, 2015). What the other side asked for is the least.
    """
    if fault.error_type is not ErrorType.TRANSIENT:
        return GiveUp(tried=False)
    if retry_count >= max_retries:
        return GiveUp(tried=max_retries > 0)
    # The exponent is bounded so that no count makes a number that is not finite.
    backoff = min(FIRST_DELAY * 2 ** min(retry_count, 32), LONGEST_DELAY)
    delay = backoff / 2 + random * backoff / 2
    asked = min(max(fault.retry_after or 0.0, 0.0), LONGEST_ASKED)
    return RetryIn(max(delay, asked))
