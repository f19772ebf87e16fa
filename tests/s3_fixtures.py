"""A real S3 server on this machine (moto's), and clients for it.

Import the fixtures into a `conftest.py`: `from tests.s3_fixtures import s3_bucket, s3_endpoint`.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from mypy_boto3_s3 import S3Client


def s3_client(endpoint: str) -> S3Client:
    """A client that gives up at once: a test's server answers or is gone."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing-secret",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
        ),
    )


@contextmanager
def s3_server() -> Iterator[tuple[str, ThreadedMotoServer]]:
    """A server of one's own, to be stopped in mid-test if need be: (endpoint URL, server)."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}", server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as (endpoint, _):
        yield endpoint


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> Iterator[tuple[S3Client, str]]:
    """(client, name of a new, empty bucket)."""
    client = s3_client(s3_endpoint)
    name = f"documents-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    yield client, name
    client.close()
