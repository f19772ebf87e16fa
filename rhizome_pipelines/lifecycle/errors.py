"""Errors that a person is told about, and what the job system does with each.

    RhizomeError
    ├── TransientError      worth another try later (network, storage, a busy server)
    ├── PermanentError      this document cannot be done as it is
    ├── PaywallError        the page is behind a login or a payment
    └── InvalidInputError   what was handed in is unusable (wrong type, empty, hostile)

Every message is one sentence or two for a person: what happened, where, what to do.
"""

import errno
import socket
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
    """Another try later may succeed.

    `retry_after` is in seconds, where the other side told. `provider` is the host of the outside
    service that failed (`api.openai.com`): whoever else needs it is likely to fail as well.
    `again_at_once`: a few more tries within seconds make sense; not where they were made already.
    """

    error_type = ErrorType.TRANSIENT

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        provider: str | None = None,
        again_at_once: bool = True,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.provider = provider.lower() if provider else None
        self.again_at_once = again_at_once


class PermanentError(RhizomeError):
    """Trying again would end the same way."""

    error_type = ErrorType.PERMANENT


class PaywallError(RhizomeError):
    """The content exists, but not for us: a login or a payment stands before it."""

    error_type = ErrorType.PAYWALL


class InvalidInputError(RhizomeError):
    """What was handed in cannot be used; the person must hand in something else."""

    error_type = ErrorType.INVALID


def type_of_status(status: int, *, page: bool = False) -> ErrorType:
    """What an HTTP status of 400 and above stands for (RFC 9110, section 15; RFC 6585; RFC 8470).

    Only a page for readers (`page`) is behind a login or a payment; to a program's service the
    same status says that our key or our account is wrong.
    """
    if status >= 500 or status in _BUSY:
        return ErrorType.TRANSIENT
    if page and status in _PAYWALL:
        return ErrorType.PAYWALL
    return ErrorType.PERMANENT


_BUSY = frozenset({408, 409, 425, 429})
_PAYWALL = frozenset({401, 402})


@dataclass(frozen=True)
class Explained:
    """A fault as the job's row tells it. `provider`: see TransientError."""

    error_type: ErrorType
    message: str
    retry_after: float | None = None
    provider: str | None = None


def explain(fault: BaseException) -> Explained:
    """Classify a fault by its type and its number; never by what its text happens to contain."""
    match fault:
        case TransientError():
            return Explained(fault.error_type, fault.message, fault.retry_after, fault.provider)
        case RhizomeError():
            return Explained(fault.error_type, fault.message)
        case MemoryError():
            return Explained(
                ErrorType.PERMANENT,
                "There was not enough memory for this document. Give the worker more memory, "
                "or split the document, and try again.",
            )
        case OSError():
            return _explain_system(fault) or _unforeseen(fault)
        case _:
            return _unforeseen(fault)


def _explain_system(fault: OSError) -> Explained | None:
    """What the operating system refused, by its number. The path may be private: it is not told."""
    name = errno.errorcode.get(fault.errno or 0, type(fault).__name__)
    if fault.errno in _DISK_FULL:
        return Explained(
            ErrorType.TRANSIENT, "The disk is full. Make room and retry; what is done is kept."
        )
    if isinstance(fault, ConnectionError | TimeoutError | socket.gaierror | socket.herror) or (
        fault.errno in _NETWORK
    ):
        return Explained(
            ErrorType.TRANSIENT,
            f"A connection failed or broke off ({name}). It is tried again; if it keeps failing, "
            "check the network and the services that Rhizome is set to use.",
        )
    if fault.errno in _SHORT:
        return Explained(
            ErrorType.TRANSIENT,
            f"This machine is short of a resource for the moment ({name}). It is tried again; if "
            "it keeps failing, run fewer jobs at once or raise the limit.",
        )
    if fault.errno in _FORBIDDEN:
        return Explained(
            ErrorType.PERMANENT,
            f"The system does not let Rhizome use a file or folder ({name}). Give the user that "
            "runs it the right to, then retry; the attempt's record tells which.",
        )
    return None


def _unforeseen(fault: BaseException) -> Explained:
    return Explained(
        ErrorType.PERMANENT,
        f"An unexpected fault stopped the work ({type(fault).__name__}). This is a defect "
        "in Rhizome; the attempt's record and the run's log in Dagster hold the details.",
    )


_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NETWORK = frozenset(
    {errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH}
)
_SHORT = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.EBUSY}
    | {errno.EIO, errno.ESTALE}
)
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
