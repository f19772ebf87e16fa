"""What is true of a bucket alone: pages, batches, prefixes, failures."""

from pathlib import Path

import httpx
import pytest
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from rhizome_pipelines.checkpoints.objects import ObjectStore, StorageUnavailableError
from rhizome_pipelines.storage.s3 import S3Store
from tests.s3_fixtures import s3_client, s3_server


def assert_unavailable(store: ObjectStore, local: Path) -> None:
    """Every method says that the storage failed; no message holds a secret."""
    messages = []
    for call in (
        lambda: store.read("a/b"),
        lambda: store.write("a/b", b""),
        lambda: store.write_file("a/b", local),
        lambda: store.write_blocks("a/b", [b""]),
        lambda: store.info("a/b"),
        lambda: list(store.list("a/")),
        lambda: store.delete(["a/b"]),
        lambda: store.local_copy("a/b").__enter__(),
    ):
        with pytest.raises(StorageUnavailableError) as caught:
            call()
        messages.append(caught.value.message)
    assert not [message for message in messages if "testing" in message]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local"
    path.write_bytes(b"data")
    return path


def test_more_than_one_page_and_one_batch(s3_bucket: tuple[S3Client, str]) -> None:
    store = S3Store(*s3_bucket)
    names = [f"a/{number:04}" for number in range(1005)]
    for name in names:
        store.write(name, b"")
    assert [info.key for info in store.list("a/")] == names
    store.delete(iter(names))
    assert list(store.list("a/")) == []


def test_a_signed_link_gives_the_object_and_nothing_else(s3_bucket: tuple[S3Client, str]) -> None:
    store = S3Store(*s3_bucket, "some/prefix")
    store.write("user/exports/archive.zip", b"PK")

    link = store.link("user/exports/archive.zip", 86_400)

    answer = httpx.get(link)
    assert (answer.status_code, answer.content) == (200, b"PK")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="archive.zip"'
    assert "X-Amz-Expires=86400" in link


def test_stores_with_different_prefixes_do_not_see_each_other(
    s3_bucket: tuple[S3Client, str],
) -> None:
    client, bucket = s3_bucket
    one, two, whole = (S3Store(client, bucket, prefix) for prefix in ("p/one", "/p/two/", ""))
    one.write("a/b", b"1")
    two.write("a/b", b"2")
    assert one.read("a/b") == b"1"
    assert [info.key for info in two.list("")] == ["a/b"]
    assert [info.key for info in whole.list("")] == ["p/one/a/b", "p/two/a/b"]


def test_names_that_no_key_can_have_are_passed_over(s3_bucket: tuple[S3Client, str]) -> None:
    client, bucket = s3_bucket
    for name in ("a/", "a//b", "a/fine", "a/../b"):
        client.put_object(Bucket=bucket, Key=name, Body=b"")
    assert [info.key for info in S3Store(client, bucket).list("a/")] == ["a/fine"]


def test_a_server_that_is_gone(local: Path) -> None:
    with s3_server() as (endpoint, server):
        client = s3_client(endpoint)
        client.create_bucket(Bucket="documents")
        store = S3Store(client, "documents")
        store.write("a/b", b"data")
        assert store.read("a/b") == b"data"
        server.stop()
        client.close()
        assert_unavailable(store, local)


def test_a_bucket_that_is_not_there_is_no_missing_object(s3_endpoint: str, local: Path) -> None:
    client = s3_client(s3_endpoint)
    assert_unavailable(S3Store(client, "no-such-bucket"), local)
    client.close()


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", 403), ("SlowDown", 503), ("InternalError", 500), ("ExpiredToken", 400)],
)
def test_a_refusal_is_no_missing_object(code: str, status: int) -> None:
    client = s3_client("http://127.0.0.1:9")
    store = S3Store(client, "documents")
    with Stubber(client) as stubber:
        for operation in ("get_object", "head_object", "put_object", "list_objects_v2"):
            stubber.add_client_error(operation, code, "testing-secret", status)
        for call in (
            lambda: store.read("a/b"),
            lambda: store.info("a/b"),
            lambda: store.write("a/b", b""),
            lambda: list(store.list("a/")),
        ):
            with pytest.raises(StorageUnavailableError, match=code) as caught:
                call()
            assert "testing-secret" not in caught.value.message
    client.close()


def test_an_object_that_cannot_be_deleted_is_told() -> None:
    client = s3_client("http://127.0.0.1:9")
    with Stubber(client) as stubber:
        stubber.add_response(
            "delete_objects", {"Errors": [{"Key": "p/a/b", "Code": "AccessDenied", "Message": "x"}]}
        )
        with pytest.raises(StorageUnavailableError, match=r"'a/b': AccessDenied"):
            S3Store(client, "documents", "p").delete(["a/a", "a/b"])
    client.close()
