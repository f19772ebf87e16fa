"""Where links to stored files lead: to the bucket's service, or to our own web server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from mypy_boto3_s3 import S3Client

from rhizome_pipelines.deployment.downloads import download_url
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.settings import load_settings
from rhizome_pipelines.storage.s3 import S3Store
from rhizome_pipelines.transfer.links import LOCAL_FOLDER, link_is_good, link_secret

KEY = "00000000-0000-4000-8000-000000000001/exports/rhizome.zip"


def test_a_link_into_a_bucket_is_signed_until_the_time(
    services: Services, s3_bucket: tuple[S3Client, str]
) -> None:
    with_bucket = replace(services, objects=S3Store(*s3_bucket, "prefix"))
    with_bucket.objects.write(KEY, b"PK")

    url = download_url(with_bucket, KEY, datetime.now(UTC) + timedelta(hours=24))

    assert httpx.get(url).content == b"PK"
    assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) == pytest.approx(86_400, abs=60)


def test_a_link_into_the_folder_leads_to_our_own_server(services: Services) -> None:
    expires_at = datetime(2026, 1, 2, tzinfo=UTC)

    split = urlsplit(download_url(services, KEY, expires_at))

    assert f"{split.scheme}://{split.netloc}" == "http://127.0.0.1:3001"
    assert unquote(split.path) == f"{LOCAL_FOLDER}{KEY}"
    (expires,), (token,) = (parse_qs(split.query)[name] for name in ("expires", "token"))
    before = expires_at - timedelta(seconds=1)
    assert link_is_good(KEY, expires, token, link_secret(services.settings.home), before)


def test_the_settings_say_where_the_server_is_reached(services: Services) -> None:
    expires_at = datetime(2026, 1, 2, tzinfo=UTC)

    for told, expected in (
        ({"panel_host": "::1", "panel_port": 4000}, "http://[::1]:4000/exports/"),
        ({"panel_url": "https://example.org/rhizome/"}, "https://example.org/rhizome/exports/"),
    ):
        elsewhere = replace(services, settings=load_settings(**told))
        assert download_url(elsewhere, KEY, expires_at).startswith(expected)
