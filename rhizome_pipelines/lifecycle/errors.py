"""Errors that a person is told about, and what the job system does with each.

    RhizomeError
    ├── TransientError      worth another try later (network, storage, a busy server)
    ├── PermanentError      this document cannot be done as it is
    ├── PaywallError        the page is behind a login or a payment
    └── InvalidInputError   what was handed in is unusable (wrong type, empty, hostile)

Every message is one sentence or two for a person: what happened, where, what to do.
"""

import errno
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ErrorType(StrEnum):
    """`background_jobs.error_type`."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    PAYWALL = "paywall"
    INVALID = "invalid"


class RhizomeError(Exception):
    """Base of all errors whose message is meant for a person."""

    error_type: ClassVar[ErrorType] = ErrorType.PERMANENT

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TransientError(RhizomeError):
    """Another try later may succeed. `retry_after` is in seconds, where the other side told."""

    error_type = ErrorType.TRANSIENT

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(RhizomeError):
    """Trying again would end the same way."""

    error_type = ErrorType.PERMANENT


class PaywallError(RhizomeError):
    """The content exists, but not for us: a login or a payment stands before it."""

    error_type = ErrorType.PAYWALL


class InvalidInputError(RhizomeError):
    """What was handed in cannot be used; the person must hand in something else."""

    error_type = ErrorType.INVALID


@dataclass(frozen=True)
class Explained:
    """A fault as the job's row tells it."""

    error_type: ErrorType
    message: str
    retry_after: float | None = None


def explain(fault: BaseException) -> Explained:
    """Classify a fault by its type; never by what its text happens to contain."""
    match fault:
        case TransientError():
            return Explained(fault.error_type, fault.message, fault.retry_after)
        case RhizomeError():
            return Explained(fault.error_type, fault.message)
        case MemoryError():
            return Explained(
                ErrorType.PERMANENT,
                "There was not enough memory for this document. Give the worker more memory, "
                "or split the document, and try again.",
            )
        case OSError(errno=errno.ENOSPC):
            return Explained(
                ErrorType.TRANSIENT, "The disk is full. Make room and retry; what is done is kept."
            )
        case _:
            return Explained(
                ErrorType.PERMANENT,
                f"An unexpected fault stopped the work ({type(fault).__name__}). This is a defect "
                "in Rhizome; the attempt's record and the run's log in Dagster hold the details.",
            )
