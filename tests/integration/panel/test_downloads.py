"""Files of the local folder, handed out to whoever holds a good link and to nobody else."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rhizome_pipelines.panel.app import NOTHING_HERE, OUT_OF_ORDER, make_app
from rhizome_pipelines.panel.downloads import Downloads
from rhizome_pipelines.storage.folder import LocalFolderStore
from rhizome_pipelines.transfer.links import LOCAL_FOLDER, local_link
from tests.integration.panel.http import Answer, Server, serving

BEGINNING = datetime(2026, 1, 2, tzinfo=UTC)
DAY = BEGINNING + timedelta(hours=24)
SECRET = bytes(range(32))
USER = "00000000-0000-4000-8000-000000000001"
KEY = f"{USER}/exports/rhizome-2026-01-02.zip"
CONTENT = b"PK" + bytes(range(256)) * 1000
OUTSIDE = b"nobody's business"


@dataclass
class World:
    folder: Path
    store: LocalFolderStore
    server: Server
    time: datetime = BEGINNING

    def link(self, key: str = KEY, expires_at: datetime = DAY) -> str:
        return local_link(key, expires_at, SECRET)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("home") / "objects"
    store = LocalFolderStore(folder)
    store.write(KEY, CONTENT)
    (folder.parent / "link-secret").write_bytes(OUTSIDE)
    (folder / USER / "exports" / "way-out.zip").symlink_to(folder.parent / "link-secret")
    now: list[World] = []
    with serving(make_app([Downloads(store, SECRET, lambda: now[0].time).route])) as server:
        now.append(World(folder, store, server))
        yield now[0]


def refused(answer: Answer) -> bool:
    return (answer.status, answer.body) == (404, NOTHING_HERE.encode())


def test_a_good_link_gives_the_whole_file_under_its_name(world: World) -> None:
    answer = world.server.ask(world.link())

    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="rhizome-2026-01-02.zip"'
    assert answer.headers["cache-control"] == "private, no-store"


def test_head_tells_the_same_and_sends_nothing(world: World) -> None:
    whole, head = world.server.ask(world.link()), world.server.ask(world.link(), "HEAD")

    assert (head.status, head.body) == (200, b"")
    same = ("content-length", "content-type", "content-disposition", "etag", "accept-ranges")
    assert {name: head.headers[name] for name in same} == {
        name: whole.headers[name] for name in same
    }
    assert world.server.ask(world.link("nosuch"), "HEAD").status == 404


def test_a_download_that_broke_off_is_gone_on_with(world: World) -> None:
    etag = world.server.ask(world.link(), "HEAD").headers["etag"]

    rest = world.server.ask(world.link(), headers={"Range": "bytes=1000-", "If-Range": etag})

    assert (rest.status, rest.body) == (206, CONTENT[1000:])
    assert rest.headers["content-range"] == f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"
    beyond = world.server.ask(world.link(), headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status == 416


@pytest.mark.parametrize(
    "name", ["two words.zip", "Übung 1 🜁.zip", 'a"; filename="b.zip', "%2e%2e.zip", "a;b,c.zip"]
)
def test_any_name_is_told_safely(world: World, name: str) -> None:
    key = f"{USER}/exports/{name}"
    world.store.write(key, b"PK")

    answer = world.server.ask(world.link(key))

    assert (answer.status, answer.body) == (200, b"PK")
    told = f"attachment; filename*=utf-8''{quote(name)}"
    assert answer.headers["content-disposition"] == told
    assert not re.search(r'[";\s]', quote(name))


def test_a_link_expires(world: World) -> None:
    link = world.link()
    try:
        world.time = DAY - timedelta(seconds=1)
        assert world.server.ask(link).status == 200
        world.time = DAY
        assert refused(world.server.ask(link))
    finally:
        world.time = BEGINNING


def test_an_altered_link_is_refused(world: World) -> None:
    link = world.link()
    later = world.link(expires_at=DAY + timedelta(days=1))
    world.store.write(f"{USER}/exports/other.zip", b"PK")

    for altered in (
        link[:-1],
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link.replace("rhizome-2026-01-02", "other"),
        link.partition("&token=")[0] + "&token=" + later.partition("&token=")[2],
        later.partition("&token=")[0] + "&token=" + link.partition("&token=")[2],
        link.partition("?")[0],
        link.upper(),
        local_link(KEY, DAY, bytes(32)),
    ):
        assert refused(world.server.ask(altered)), altered


@pytest.mark.parametrize(
    "target",
    ["/", "/exports", LOCAL_FOLDER, f"{LOCAL_FOLDER}{USER}/", f"{LOCAL_FOLDER}{KEY}", "/docs"],
)
def test_nothing_is_listed(world: World, target: str) -> None:
    assert refused(world.server.ask(target))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_file_can_be_had_and_nothing_else_done_with_it(world: World, method: str) -> None:
    assert refused(world.server.ask(world.link(), method))
    assert world.store.read(KEY) == CONTENT


def test_a_good_link_to_a_file_that_is_gone(world: World) -> None:
    assert refused(world.server.ask(world.link(f"{USER}/exports/removed.zip")))
    assert refused(world.server.ask(world.link(f"{USER}/exports")))


def test_a_folder_that_is_gone_is_no_bad_link_and_its_place_is_not_told(tmp_path: Path) -> None:
    store = LocalFolderStore(tmp_path / "objects")
    (tmp_path / "objects").rmdir()

    with serving(make_app([Downloads(store, SECRET, lambda: BEGINNING).route])) as server:
        answer = server.ask(local_link(KEY, DAY, SECRET))

    assert (answer.status, answer.body) == (503, OUT_OF_ORDER.encode())


def test_a_large_file_is_never_in_memory(world: World) -> None:
    key = f"{USER}/exports/large.zip"
    size = 128_000_000
    with (world.folder / key).open("wb") as file:
        file.truncate(size)  # holes: it takes no room

    process, received, peak = psutil.Process(), 0, 0
    before = process.memory_info().rss
    with httpx.stream("GET", f"http://127.0.0.1:{world.server.port}{world.link(key)}") as answer:
        assert answer.headers["content-length"] == str(size)
        for block in answer.iter_raw(1_000_000):
            received += len(block)
            peak = max(peak, process.memory_info().rss)

    assert received == size
    assert peak - before < size / 4


# Ways out of the folder

SEGMENT = st.one_of(
    st.sampled_from(
        ["..", ".", "", "%2e%2e", "..%2f", "%2fetc", "..\\", "%5c..", "%00", "link-secret"]
    ),
    st.sampled_from([USER, "exports", "way-out.zip", "objects", "passwd", "etc", "~", "C:"]),
    st.text("abc./\\%é\x7f", max_size=6).map(quote),
)
TARGET = st.lists(SEGMENT, min_size=1, max_size=8).map("/".join)
MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@MANY
@given(target=TARGET, query=st.sampled_from(["", "?", "?expires=99999999999&token="]))
def test_no_path_leads_anywhere_without_a_token(world: World, target: str, query: str) -> None:
    assert refused(world.server.ask(f"{LOCAL_FOLDER}{target}{query}"))


@MANY
@given(key=st.one_of(TARGET, st.text(max_size=30)))
def test_no_signed_key_leads_out_of_the_folder(world: World, key: str) -> None:
    """Even if somebody made us sign it."""
    with contextlib.suppress(UnicodeEncodeError):
        assert refused(world.server.ask(world.link(key)))


@pytest.mark.parametrize(
    "key",
    [
        "../link-secret",
        f"{USER}/../../link-secret",
        f"{USER}/exports/../../../link-secret",
        f"{USER}/exports/way-out.zip",
        "/etc/passwd",
        "//etc/passwd",
        f"{USER}\\exports",
        f"{KEY}\x00",
        f"{KEY}/",
        "",
    ],
)
def test_known_ways_out_are_refused_though_signed(world: World, key: str) -> None:
    assert refused(world.server.ask(world.link(key)))
