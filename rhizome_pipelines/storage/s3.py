"""Objects in a bucket of an S3-compatible service."""

import io
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from rhizome_pipelines.checkpoints.keys import InvalidKeyError, validated_key, validated_prefix
from rhizome_pipelines.checkpoints.objects import (
    ObjectInfo,
    ObjectMissingError,
    StorageUnavailableError,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

_MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
_DELETE_BATCH = 1000
"""DeleteObjects takes no more keys at once."""
_STREAM_BYTES = 1024 * 1024
# Memory of an upload is about concurrency × part size.
_TRANSFER = TransferConfig(
    multipart_threshold=8 * 1024 * 1024, multipart_chunksize=8 * 1024 * 1024, max_concurrency=2
)

_TRANSFER.max_in_memory_upload_chunks = _TRANSFER.max_request_concurrency  # of a stream


class S3Store:
    """An `ObjectStore` on a bucket, under `prefix` (empty, or segments joined by `/`).

    `client` is a boto3 S3 client; its timeouts and retries are its maker's.
    """

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = validated_key(prefix.strip("/")) + "/" if prefix.strip("/") else ""

    def read(self, key: str) -> bytes:
        with self._failures("read", key):
            found = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
            with found["Body"] as body:
                return body.read()

    def write(self, key: str, data: bytes) -> None:
        with self._failures("write", key):
            self._client.put_object(Bucket=self._bucket, Key=self._name(key), Body=data)

    def write_file(self, key: str, path: Path) -> None:
        name = self._name(key)
        with path.open("rb") as source, self._failures("write", key):
            self._client.upload_fileobj(source, self._bucket, name, Config=_TRANSFER)

    def write_blocks(self, key: str, blocks: Iterable[bytes]) -> None:
        source = io.BufferedReader(_Stream(blocks), _STREAM_BYTES)
        with self._failures("write", key):
            self._client.upload_fileobj(source, self._bucket, self._name(key), Config=_TRANSFER)

    def link(self, key: str, seconds: int) -> str:
        """A signed address under which anybody may download the object for `seconds` from now."""
        file_name = key.rpartition("/")[2]
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": self._name(key),
                "ResponseContentDisposition": f'attachment; filename="{file_name}"',
            },
            ExpiresIn=seconds,
        )

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        name = self._name(key)
        with tempfile.TemporaryDirectory(prefix="rhizome-object-") as folder:
            path = Path(folder) / "object"
            with self._failures("read", key), path.open("wb") as target:
                found = self._client.get_object(Bucket=self._bucket, Key=name)
                with found["Body"] as body:
                    while block := body.read(_STREAM_BYTES):
                        target.write(block)
            yield path

    def info(self, key: str) -> ObjectInfo | None:
        name = self._name(key)
        try:
            with self._failures("look at", key):
                found = self._client.head_object(Bucket=self._bucket, Key=name)
        except ObjectMissingError:
            # An answer to HEAD has no body: 404 is the same for an object and for its bucket.
            with self._failures("look at", key, missing=frozenset()):
                self._client.head_bucket(Bucket=self._bucket)
            return None
        return ObjectInfo(key, found["ContentLength"], found["LastModified"])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See the port. Names that other programs made and no key can have are passed over."""
        start = self._prefix + validated_prefix(prefix)
        with self._failures("list", prefix, missing=frozenset()):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    if _is_key(key):
                        yield ObjectInfo(key, found["Size"], found["LastModified"])

    def delete(self, keys: Iterable[str]) -> None:
        names = (self._name(key) for key in keys)
        while batch := [*itertools.islice(names, _DELETE_BATCH)]:
            with self._failures("delete", batch[0].removeprefix(self._prefix)):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": name} for name in batch], "Quiet": True},
                )
            for fault in answer.get("Errors", ()):
                if fault.get("Code") not in _MISSING:
                    key = fault.get("Key", "").removeprefix(self._prefix)
                    raise self._unavailable("delete", key, fault.get("Code", "no reason given"))

    def _name(self, key: str) -> str:
        return validated_key(self._prefix + validated_key(key))

    @contextmanager
    def _failures(
        self, what: str, key: str, *, missing: frozenset[str] = _MISSING
    ) -> Iterator[None]:
        """Turn what boto3 raises into the port's errors; messages name codes and types only."""
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown error")
            if code in missing:
                raise ObjectMissingError(key) from error
            raise self._unavailable(what, key, code) from error
        except (BotoCoreError, HTTPClientError, Boto3Error) as error:
            raise self._unavailable(what, key, type(error).__name__) from error

    def _unavailable(self, what: str, key: str, reason: str) -> StorageUnavailableError:
        return StorageUnavailableError(
            f"The bucket {self._bucket!r} cannot {what} {key!r}: {reason}."
            " Check that the service runs and that the bucket and the credentials are right.",
            again_at_once=False,  # boto3 has tried a few times by itself
        )


class _Stream(io.RawIOBase):
    """Blocks as a file that can be read, but not sought in."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        super().__init__()
        self._blocks = iter(blocks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        target = memoryview(buffer)
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _is_key(key: str) -> bool:
    try:
        validated_key(key)
    except InvalidKeyError:
        return False
    return True
