"""Links that expire: good for one file until a time, and for nothing else."""

import stat
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from rhizome_pipelines.lifecycle.errors import PermanentError
from rhizome_pipelines.transfer.links import LOCAL_FOLDER, link_is_good, link_secret, local_link

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = "user/exports/rhizome ü.zip"
SECRET = bytes(range(32))


def parts(link: str) -> tuple[str, str, str]:
    split = urlsplit(link)
    query = parse_qs(split.query)
    return unquote(split.path).removeprefix(LOCAL_FOLDER), query["expires"][0], query["token"][0]


def test_a_link_is_good_until_it_expires() -> None:
    key, expires, token = parts(local_link(KEY, NOW + timedelta(hours=24), SECRET))
    assert key == KEY
    assert link_is_good(key, expires, token, SECRET, NOW + timedelta(hours=23, minutes=59))
    assert not link_is_good(key, expires, token, SECRET, NOW + timedelta(hours=24))


def test_a_link_is_good_for_its_file_time_and_home_alone() -> None:
    key, expires, token = parts(local_link(KEY, NOW + timedelta(hours=24), SECRET))
    assert not link_is_good("other/exports/x.zip", expires, token, SECRET, NOW)
    assert not link_is_good(key, str(int(expires) + 1), token, SECRET, NOW)
    assert not link_is_good(key, expires, token, bytes(32), NOW)


@pytest.mark.parametrize(
    ("expires", "token"),
    [("", ""), ("x", "x"), ("-1", ""), ("9" * 999, ""), ("²", ""), ("1e3", ""), ("99", "\ud800")],
)
def test_nonsense_is_no_link(expires: str, token: str) -> None:
    assert not link_is_good(KEY, expires, token, SECRET, NOW)
    assert not link_is_good("\ud800", expires, token, SECRET, NOW)


def test_a_home_keeps_one_secret_for_its_owner(tmp_path: Path) -> None:
    secret = link_secret(tmp_path / "home")
    assert len(secret) == 32
    assert link_secret(tmp_path / "home") == secret
    assert link_secret(tmp_path / "other") != secret
    (file,) = (tmp_path / "home").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_processes_that_begin_at_once_get_the_same_secret(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        made = set(processes.map(link_secret, [tmp_path / "home"] * 40))
    assert len(made) == 1
    assert len(list((tmp_path / "home").iterdir())) == 1


@pytest.mark.parametrize("damaged", [b"", b"short", bytes(33)])
def test_a_damaged_secret_makes_no_links(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "link-secret").write_bytes(damaged)
    with pytest.raises(PermanentError, match=r"link-secret"):
        link_secret(tmp_path)
