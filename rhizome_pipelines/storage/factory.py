"""From a storage URL to the store it names."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.storage.folder import LocalFolderStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_store(url: str, s3_client_factory: Callable[[], "S3Client"]) -> ObjectStore:
    """The store at `file:///path` or `s3://bucket/prefix`.

    `s3_client_factory` is called only for `s3://`. Raises InvalidInputError for another URL; the
    URL is not repeated in the message, for it might hold a secret.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInputError(
            "The storage URL must not hold credentials, a query or a fragment:"
            " set credentials by themselves."
        )
    path = unquote(parts.path)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and path.startswith("/"):
        return LocalFolderStore(Path(path))
    if parts.scheme == "s3" and parts.netloc:
        # boto3 takes a while to import, and most homes keep their objects in a folder.
        from rhizome_pipelines.storage.s3 import S3Store  # noqa: PLC0415

        return S3Store(s3_client_factory(), parts.netloc, path)
    raise InvalidInputError(
        "The storage URL is not understood: use file:///absolute/path or s3://bucket/prefix."
    )
