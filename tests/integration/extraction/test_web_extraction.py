"""Web pages from a real server on this machine, under names that only the tests know."""

import gzip
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from rhizome_pipelines.extraction.config import WebConfig
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.web.extractor import WebExtractor
from rhizome_pipelines.extraction.web.fetch import PageFetcher
from rhizome_pipelines.extraction.web.guard import GuardedTransport
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import (
    InvalidInputError,
    PaywallError,
    PermanentError,
    RhizomeError,
    TransientError,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PARAGRAPH = "Rivers carry water, stones and stories from the mountains to the sea. " * 6
ARTICLE = (
    "<!doctype html><html lang='en'><head><title>On rivers</title>"
    "<meta name='author' content='Ann Brook'></head><body><nav><a href='/'>Home</a></nav>"
    f"<article><h1>On rivers</h1><p>{PARAGRAPH}</p><h2>The delta</h2><p>{PARAGRAPH}</p>"
    "<pre><code># no heading\nx &lt; 1</code></pre></article><footer>imprint</footer></body></html>"
)
PAID = (
    '<script type="application/ld+json">{"@type":"Article","isAccessibleForFree":"False"}</script>'
)


class Site(BaseHTTPRequestHandler):
    """One path a case; the status codes stand in the path."""

    seen: list[str]

    def do_GET(self) -> None:
        self.server.seen.append((self.headers["Host"], self.path))  # type: ignore[attr-defined]
        name, _, rest = self.path.lstrip("/").partition("/")
        getattr(self, f"page_{name}")(rest)

    def answer(
        self, body: bytes, kind: str = "text/html", status: int = 200, **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page_article(self, _rest: str) -> None:
        self.answer(ARTICLE.encode(), "text/html; charset=utf-8")

    def page_status(self, rest: str) -> None:
        self.answer(b"<p>no</p>", status=int(rest), Retry_After="7")

    def page_paywall(self, _rest: str) -> None:
        self.answer(b"<html><body>" + PAID.encode() + b"</body></html>", status=403)

    def page_teaser(self, _rest: str) -> None:
        self.answer(f"<html><head>{PAID}</head><body><p>Rivers …</p></body></html>".encode())

    def page_redirect(self, rest: str) -> None:
        self.answer(b"", status=302, Location=rest)

    def page_loop(self, _rest: str) -> None:
        self.answer(b"", status=302, Location="/loop/")

    def page_huge(self, _rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(1_000_000_000))
        self.end_headers()

    def page_endless(self, _rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        block = b"<p>water</p>" * 5000
        try:
            while True:
                self.wfile.write(block)
        except OSError:
            self.server.cut_off.set()  # type: ignore[attr-defined]

    def page_bomb(self, _rest: str) -> None:
        self.answer(gzip.compress(bytes(30_000_000)), Content_Encoding="gzip")

    def page_layers(self, _rest: str) -> None:
        self.answer(gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip")

    def page_gzip(self, _rest: str) -> None:
        self.answer(gzip.compress(ARTICLE.encode()), Content_Encoding="gzip")

    def page_broken(self, _rest: str) -> None:
        self.answer(b"no gzip at all", Content_Encoding="gzip")

    def page_latin(self, _rest: str) -> None:
        body = "<html><body><p>Größe und Maß von Flüssen</p></body></html>"
        self.answer(body.encode("latin-1"), "text/html; charset=ISO-8859-1")

    def page_utf16(self, _rest: str) -> None:
        self.answer("<html><body><p>Größe der Flüsse</p></body></html>".encode("utf-16"))

    def page_plain(self, _rest: str) -> None:
        self.answer(b"# Notes\n\nplain text", "text/markdown")

    def page_pdf(self, _rest: str) -> None:
        self.answer(b"%PDF-1.4", "application/pdf")

    def page_picture(self, _rest: str) -> None:
        self.answer(b"\x89PNG", "image/png")

    def page_scripts(self, _rest: str) -> None:
        self.answer(b"<html><body><script>render()</script></body></html>")

    def page_empty(self, _rest: str) -> None:
        self.answer(b"")

    def page_hangup(self, _rest: str) -> None:
        self.close_connection = True

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    site.seen = []  # type: ignore[attr-defined]
    site.cut_off = threading.Event()  # type: ignore[attr-defined]
    site.daemon_threads = True
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.shutdown()
    thread.join()
    site.server_close()


class Names:
    """A name server: what it was asked, and what it answers."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers


def extractor(config: WebConfig | None = None, names: Names | None = None) -> WebExtractor:
    config = config or WebConfig(allow_private_addresses=True)
    fetcher = PageFetcher(config, resolver=names or Names("127.0.0.1"), now=lambda: NOW)
    return WebExtractor(config, fetcher)


def extract(
    server: ThreadingHTTPServer, path: str, scratch: Path, config: WebConfig | None = None
) -> tuple[str, Extracted]:
    web = extractor(config)
    url = f"http://pages.test:{server.server_port}/{path}"
    source = Source(UUID(int=1), SourceType.WEB_URL, url=url)
    (unit,) = web.units(source)
    part = web.work(source, unit, lambda _fraction, _details: None)
    with (scratch / "out").open("w+") as content:
        extracted = web.assemble(source, iter([(unit, part)]), content, scratch)
        content.seek(0)
        return content.read(), extracted


def test_an_article_becomes_markdown(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    text, extracted = extract(server, "article/", tmp_path)
    assert text.startswith("# On rivers\n")
    assert "## The delta" in text
    assert "```\n# no heading\nx < 1\n```" in text
    assert "Home" not in text
    assert "imprint" not in text
    assert (extracted.title, extracted.author) == ("On rivers", "Ann Brook")
    assert extracted.language == "en"
    assert extracted.files["source.html"].read_bytes() == ARTICLE.encode()


def test_the_host_is_told_its_own_name(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    extract(server, "article/", tmp_path)
    assert server.seen == [(f"pages.test:{server.server_port}", "/article/")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("gzip/", "# On rivers"), ("latin/", "Größe und Maß"), ("utf16/", "Größe der Flüsse")],
)
def test_encodings(server: ThreadingHTTPServer, tmp_path: Path, path: str, expected: str) -> None:
    assert expected in extract(server, path, tmp_path)[0]


def test_markdown_and_text_are_taken_as_they_are(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    text, extracted = extract(server, "plain/", tmp_path)
    assert text == "# Notes\n\nplain text"
    assert list(extracted.files) == ["source.md"]


def test_redirects_are_followed_and_told(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    text, extracted = extract(server, "redirect//article/", tmp_path)
    assert text.startswith("# On rivers")
    assert any(f"{server.server_port}/article/" in note for note in extracted.notes)


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("status/404", PermanentError, "no page at this address"),
        ("status/410", PermanentError, "no page at this address"),
        ("status/402", PaywallError, "payment"),
        ("status/401", PaywallError, "login"),
        ("status/403", PermanentError, "does not let programs"),
        ("status/418", PermanentError, "refused"),
        ("status/451", PermanentError, "legal"),
        ("paywall/", PaywallError, "payment"),
        ("teaser/", PaywallError, "not free"),
        ("status/429", TransientError, "busy"),
        ("status/503", TransientError, "busy"),
        ("hangup/", TransientError, "broke off"),
        ("loop/", PermanentError, "redirects more than 5 times"),
        ("huge/", InvalidInputError, "larger than 21 MB"),
        ("bomb/", InvalidInputError, "larger than 21 MB"),
        ("layers/", PermanentError, "compressed"),
        ("broken/", PermanentError, "damaged compression"),
        ("pdf/", InvalidInputError, "PDF"),
        ("picture/", InvalidInputError, "image/png"),
        ("scripts/", InvalidInputError, "scripts"),
        ("empty/", InvalidInputError, "empty"),
    ],
)
def test_what_goes_wrong_is_classed_and_told(
    server: ThreadingHTTPServer,
    tmp_path: Path,
    path: str,
    error: type[RhizomeError],
    words: str,
) -> None:
    with pytest.raises(error, match=words) as caught:
        extract(server, path, tmp_path)
    assert type(caught.value) is error


def test_retry_after_is_handed_on(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    with pytest.raises(TransientError) as caught:
        extract(server, "status/503", tmp_path)
    assert caught.value.retry_after == 7.0


def test_an_endless_page_is_cut_off(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    config = WebConfig(allow_private_addresses=True, max_bytes=200_000)
    with pytest.raises(InvalidInputError, match="larger than"):
        extract(server, "endless/", tmp_path, config)
    assert server.cut_off.wait(30)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "::ffff:127.0.0.1",
     "64:ff9b::a00:1", "2002:a00:1::", "fe80::1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused(answer: str) -> None:
    names = Names("93.184.215.14", answer)
    web = extractor(WebConfig(), names)
    source = Source(UUID(int=1), SourceType.WEB_URL, url="http://pages.example.com/")
    with pytest.raises(InvalidInputError, match="not on the public internet"):
        web.work(source, web.units(source)[0], lambda _fraction, _details: None)
    assert names.asked == ["pages.example.com"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://printer/",
        "http://printer.local/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://user:secret@example.com/",
        "http://example.com:22/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "no address",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    host = url.partition("//")[2].partition("/")[0].strip("[]")
    web = extractor(WebConfig(), Names(host if ":" in host or host[:3].isdigit() else "127.0.0.1"))
    source = Source(UUID(int=1), SourceType.WEB_URL, url=url)
    with pytest.raises(InvalidInputError) as caught:
        web.work(source, web.units(source)[0], lambda _fraction, _details: None)
    assert "secret" not in caught.value.message


class Inside(httpx.BaseTransport):
    """What lies outside: a public host that redirects to an address inside."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(302, headers={"Location": self.location})


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/", "http://127.0.0.1:8080/", "http://localhost/"]
)
def test_a_redirect_to_the_inside_is_refused(location: str) -> None:
    def resolver(host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14"] if host == "example.com" else [host]

    outside = Inside(location)
    transport = GuardedTransport(
        allowed_ports=frozenset({80, 443, 8080}), resolver=resolver, inner=outside
    )
    client = httpx.Client(transport=transport, follow_redirects=True)
    with client, pytest.raises(InvalidInputError, match="not on the public internet"):
        client.get("https://example.com/")
    (request,) = outside.requests
    assert str(request.url) == "https://93.184.215.14/"
    assert request.headers["Host"] == "example.com"
    assert request.extensions["sni_hostname"] == "example.com"
