"""A web server on the loopback interface that misbehaves on request.

    with FaultServer() as server:
        fetch(server.url("/429"))

Nothing waits for longer than the server lives: leaving the block ends slow and endless answers.
It is an embeddings service as well (`/v1/embeddings`), busy or not.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.bad_input import GIBIBYTE, SAMPLES
from tests.zero_bomb import gzipped_zeros

RETRY_AFTER_SECONDS = 7
METADATA_SERVICE = "http://169.254.169.254/latest/meta-data/"
"""Where clouds keep credentials; a fetch of a user's url must never reach it."""
HTML = "text/html; charset=utf-8"
PAYWALL = """<!DOCTYPE html><html><head><title>For subscribers</title>
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "NewsArticle",
"headline": "For subscribers", "isAccessibleForFree": false}</script></head>
<body><h1>For subscribers</h1><p>The first sentence is free. To read on, subscribe.</p></body>
</html>
"""


class FaultServer:
    """Serves the paths of `PATHS` on a free port of 127.0.0.1, one thread a request."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        """The paths asked for, in order."""
        self.stopping = threading.Event()
        self.busy_for: int | None = None
        """Seconds that the embeddings service asks everybody to wait; None: it answers."""
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.faults = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    faults: FaultServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.faults.requested.append(self.path)
        answer = PATHS.get(self.path.partition("?")[0], _status(404))
        try:
            answer(self)
        except ConnectionError:
            # The client has had enough, as it should.
            self.close_connection = True

    def do_POST(self) -> None:
        faults = self.server.faults
        faults.requested.append(self.path)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if faults.busy_for is not None:
            self.reply(503, b"{}", Retry_After=str(faults.busy_for))
        elif self.path == "/v1/embeddings":
            self.reply(200, _embeddings(asked["input"]), Content_Type="application/json")
        else:
            self.reply(404, b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def reply(self, status: int, content: bytes, **headers: str) -> None:
        self.begin(status, Content_Length=str(len(content)), **headers)
        self.wfile.write(content)

    def begin(self, status: int, **headers: str) -> None:
        """`headers` are written with underscores: `Retry_After="7"`."""
        self.send_response(status)
        for name, value in {"Content_Type": HTML, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    @property
    def stopping(self) -> threading.Event:
        return self.server.faults.stopping


Answer = Callable[[_Handler], None]


def _embeddings(texts: list[str]) -> bytes:
    """Sixteen numbers a text, always the same, as OpenAI's endpoint answers."""
    rows = [
        {"index": index, "embedding": [byte + 1 for byte in hashlib.md5(text.encode()).digest()]}
        for index, text in enumerate(texts)
    ]
    return json.dumps({"data": rows}).encode()


def _status(status: int, **headers: str) -> Answer:
    page = f"<html><body><h1>{status}</h1></body></html>".encode()
    return lambda handler: handler.reply(status, page, **headers)


def _redirect(target: Callable[[_Handler], str]) -> Answer:
    return lambda handler: handler.reply(302, b"", Location=target(handler))


def _sample(name: str, content_type: str) -> Answer:
    return lambda handler: handler.reply(
        200, (SAMPLES / name).read_bytes(), Content_Type=content_type
    )


def _slow(handler: _Handler) -> None:
    """A byte a second for a quarter of an hour."""
    handler.begin(200, Content_Length="900")
    for _ in range(900):
        handler.wfile.write(b" ")
        if handler.stopping.wait(1):
            return


def _silent(handler: _Handler) -> None:
    """The connection is accepted and no answer comes."""
    handler.stopping.wait()
    handler.close_connection = True


def _huge(handler: _Handler) -> None:
    """Claims 1 GB and goes on beyond it."""
    handler.begin(200, Content_Length=str(10**9))
    while not handler.stopping.is_set():
        handler.wfile.write(b"<p>more</p>" * 4096)


def _endless(handler: _Handler) -> None:
    """No length given, and no end."""
    handler.begin(200)
    while not handler.stopping.is_set():
        handler.wfile.write(b"<p>more</p>" * 4096)


def _gzip_bomb(handler: _Handler) -> None:
    """One megabyte that unpacks to one gibibyte."""
    handler.reply(200, gzipped_zeros(GIBIBYTE), Content_Encoding="gzip")


def _cut_off(handler: _Handler) -> None:
    """The connection ends before the announced length."""
    handler.begin(200, Content_Length="100000")
    handler.wfile.write(b"<html><body><p>It was a dark and")
    handler.close_connection = True


PATHS: dict[str, Answer] = {
    "/article": _sample("wood-wide-web.html", HTML),
    "/article.pdf": _sample("against-forgetting.pdf", "application/pdf"),
    "/empty": lambda handler: handler.reply(200, b""),
    "/binary": lambda handler: handler.reply(
        200, bytes(range(256)), Content_Type="application/octet-stream"
    ),
    "/401": _status(401),
    "/402": _status(402),
    "/403": _status(403),
    "/403-paywall": lambda handler: handler.reply(403, PAYWALL.encode()),
    "/200-paywall": lambda handler: handler.reply(200, PAYWALL.encode()),
    "/404": _status(404),
    "/410": _status(410),
    "/429": _status(429, Retry_After=str(RETRY_AFTER_SECONDS)),
    "/500": _status(500),
    "/503": _status(503, Retry_After=str(RETRY_AFTER_SECONDS)),
    "/slow": _slow,
    "/silent": _silent,
    "/huge": _huge,
    "/endless": _endless,
    "/gzip-bomb": _gzip_bomb,
    "/cut-off": _cut_off,
    "/redirect": _redirect(lambda handler: "/article"),
    "/redirect-private": _redirect(lambda handler: METADATA_SERVICE),
    "/redirect-loopback": _redirect(
        lambda handler: f"http://127.0.0.1:{handler.server.faults.port}/article"
    ),
    "/redirect-file": _redirect(lambda handler: "file:///etc/passwd"),
    "/redirect-loop": _redirect(lambda handler: "/redirect-loop"),
}
