from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.storage.factory import open_store


def no_client() -> S3Client:
    pytest.fail("a folder needs no client")


@pytest.mark.parametrize("host", ["", "localhost"])
def test_a_folder_by_url(tmp_path: Path, host: str) -> None:
    folder = tmp_path / "with a space é"
    url = f"file://{host}" + folder.as_uri().removeprefix("file://")
    open_store(url, no_client).write("a/b", b"data")
    assert (folder / "a" / "b").read_bytes() == b"data"


@pytest.mark.parametrize("prefix", ["", "/", "/some/prefix", "/some/prefix/"])
def test_a_bucket_by_url(s3_bucket: tuple[S3Client, str], prefix: str) -> None:
    client, bucket = s3_bucket
    open_store(f"s3://{bucket}{prefix}", lambda: client).write("a/b", b"data")
    key = f"{prefix.strip('/')}/a/b".lstrip("/")
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"data"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "folder",
        "/absolute/folder",
        "file:relative",
        "file://host/path",
        "s3://",
        "s3:///prefix",
        "s3://name:hush@bucket/prefix",
        "s3://bucket/prefix?secret=hush",
        "s3://bucket/a/../b",
        "http://[hush",
        "https://example.org/hush",
    ],
)
def test_another_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        open_store(url, lambda: None)  # type: ignore[arg-type, return-value]  # never used
    assert "hush" not in caught.value.message
