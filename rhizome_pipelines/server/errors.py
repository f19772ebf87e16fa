"""What can go wrong with the embedded server, in the classes the job system knows."""

from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError


class BinariesMissingError(PermanentError):
    """The wheel with the Postgres programs is not installed, or not for this platform."""


class DataVersionError(PermanentError):
    """The data directory was made by another major version of Postgres."""


class ServerAccessError(PermanentError):
    """A folder, a file or a right that the server needs is not ours to use."""


class ServerStartError(TransientError):
    """The server did not start, or did not stop, this time."""
