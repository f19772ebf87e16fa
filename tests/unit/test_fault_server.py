"""The server fails in the way it is asked to."""

import zlib
from collections.abc import Iterator

import httpx
import pytest

from tests.bad_input import GIBIBYTE, SAMPLES
from tests.fault_server import METADATA_SERVICE, PATHS, RETRY_AFTER_SECONDS, FaultServer


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as running:
        yield running


@pytest.mark.parametrize("status", [401, 402, 403, 404, 410, 429, 500, 503])
def test_statuses(status: int, server: FaultServer, client: httpx.Client) -> None:
    assert f"/{status}" in PATHS
    assert client.get(server.url(f"/{status}")).status_code == status


def test_an_unknown_path_is_not_found(server: FaultServer, client: httpx.Client) -> None:
    assert client.get(server.url("/nowhere")).status_code == 404
    assert server.requested[-1] == "/nowhere"


@pytest.mark.parametrize("path", ["/429", "/503"])
def test_busy_answers_say_when_to_come_back(
    path: str, server: FaultServer, client: httpx.Client
) -> None:
    assert client.get(server.url(path)).headers["Retry-After"] == str(RETRY_AFTER_SECONDS)


def test_good_answers_are_the_samples(server: FaultServer, client: httpx.Client) -> None:
    page, document = client.get(server.url("/article")), client.get(server.url("/article.pdf"))
    assert page.content == (SAMPLES / "wood-wide-web.html").read_bytes()
    assert page.headers["Content-Type"].startswith("text/html")
    assert document.content == (SAMPLES / "against-forgetting.pdf").read_bytes()
    assert document.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize(("path", "status"), [("/403-paywall", 403), ("/200-paywall", 200)])
def test_the_paywall_says_so_in_its_metadata(
    path: str, status: int, server: FaultServer, client: httpx.Client
) -> None:
    answer = client.get(server.url(path))
    assert answer.status_code == status
    assert '"isAccessibleForFree": false' in answer.text


def test_empty_and_binary_bodies(server: FaultServer, client: httpx.Client) -> None:
    assert client.get(server.url("/empty")).content == b""
    binary = client.get(server.url("/binary"))
    assert binary.headers["Content-Type"] == "application/octet-stream"
    assert b"\0" in binary.content


def test_redirects(server: FaultServer, client: httpx.Client) -> None:
    def target(path: str) -> str:
        answer = client.get(server.url(path))
        assert answer.status_code == 302
        return answer.headers["Location"]

    assert target("/redirect") == "/article"
    assert target("/redirect-private") == METADATA_SERVICE
    assert target("/redirect-loopback") == server.url("/article")
    assert target("/redirect-file") == "file:///etc/passwd"
    with pytest.raises(httpx.TooManyRedirects):
        client.get(server.url("/redirect-loop"), follow_redirects=True)


def test_the_huge_body_claims_a_gigabyte(server: FaultServer, client: httpx.Client) -> None:
    with client.stream("GET", server.url("/huge")) as answer:
        assert answer.headers["Content-Length"] == str(10**9)
        assert next(answer.iter_raw())


def test_the_endless_body_has_no_length(server: FaultServer, client: httpx.Client) -> None:
    with client.stream("GET", server.url("/endless")) as answer:
        assert "Content-Length" not in answer.headers
        assert next(answer.iter_raw())


def test_the_gzip_bomb_unpacks_to_a_gibibyte(server: FaultServer, client: httpx.Client) -> None:
    with client.stream("GET", server.url("/gzip-bomb")) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    assert len(packed) < 2_000_000
    unpacker, size, rest = zlib.decompressobj(wbits=31), 0, packed
    while not unpacker.eof:
        size += len(unpacker.decompress(rest, 2**24))
        rest = unpacker.unconsumed_tail
    assert size == GIBIBYTE


def test_the_cut_off_body_is_shorter_than_announced(
    server: FaultServer, client: httpx.Client
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url("/cut-off"))


def test_slow_answers_outlast_a_short_patience(server: FaultServer) -> None:
    with httpx.Client(trust_env=False, timeout=0.1) as impatient:
        for path in ("/slow", "/silent"):
            with pytest.raises(httpx.ReadTimeout):
                impatient.get(server.url(path))


def test_leaving_the_server_ends_what_it_was_saying(client: httpx.Client) -> None:
    with FaultServer() as short_lived, client.stream("GET", short_lived.url("/slow")) as answer:
        body = answer.iter_raw()
        assert next(body) == b" "
        short_lived.stopping.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(body)
