"""Transcripts of videos; what YouTube answers is played by a server on this machine.

Only YouTube is played: requests go through our guarded client over real sockets.
"""

import io
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from rhizome_pipelines.extraction.config import ExtractionConfig, WebConfig, YouTubeConfig
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.web.fetch import PageFetcher
from rhizome_pipelines.extraction.web.guard import GuardedTransport
from rhizome_pipelines.extraction.youtube.extractor import YouTubeExtractor
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import PermanentError, RhizomeError, TransientError

VIDEO = "abcdefghijk"
URL = f"https://www.youtube.com/watch?v={VIDEO}"
WATCH = '<html><script>{"INNERTUBE_API_KEY": "key"}</script></html>'
CUES = (
    "<transcript><text start='0.5' dur='2'>Rivers &amp;amp; lakes</text>"
    "<text start='50' dur='2'>are &lt;i&gt;old&lt;/i&gt;.</text>"
    "<text start='61' dur='2'>They run 🌊.</text></transcript>"
)


def track(code: str, kind: str | None = None) -> dict[str, Any]:
    return {
        "baseUrl": f"https://www.youtube.com/api/timedtext?lang={code}",
        "name": {"runs": [{"text": code}]},
        "languageCode": code,
        **({"kind": kind} if kind else {}),
    }


def player(*tracks: dict[str, Any], status: str = "OK", reason: str = "") -> dict[str, Any]:
    captions = {"playerCaptionsTracklistRenderer": {"captionTracks": list(tracks)}}
    return {
        "playabilityStatus": {"status": status, "reason": reason},
        **({"captions": captions} if tracks else {}),
    }


class YouTube(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def _answer(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        status, text = server.answers[urlsplit(self.path).path]
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def youtube() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), YouTube)
    server.asked = []
    server.answers = {
        "/watch": (200, WATCH),
        "/youtubei/v1/player": (200, json.dumps(player(track("de"), track("en", "asr")))),
        "/api/timedtext": (200, CUES),
        "/oembed": (200, json.dumps({"title": "On *rivers*", "author_name": "Brook TV"})),
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class ToServer(httpx.HTTPTransport):
    """The cable: what is meant for port 443 of the outside comes to the server, without TLS."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        return super().handle_request(request)


class Fetcher(PageFetcher):
    def __init__(self, port: int) -> None:
        super().__init__(WebConfig())
        self._port = port

    def transport(self) -> httpx.BaseTransport:
        def resolver(host: str, _port: int) -> Sequence[str]:
            assert host == "www.youtube.com"
            return ["142.250.0.1"]

        return GuardedTransport(
            allowed_ports=frozenset({443}), resolver=resolver, inner=ToServer(self._port)
        )


def extract(
    youtube: Any, scratch: Path, text: str | None = None, languages: tuple[str, ...] = ()
) -> tuple[str, Extracted]:
    config = ExtractionConfig(youtube=YouTubeConfig(languages=languages))
    extractor = YouTubeExtractor(config, Fetcher(youtube.server_port))
    source = Source(UUID(int=1), SourceType.YOUTUBE, url=URL, text=text)
    (unit,) = extractor.units(source)
    part = extractor.work(source, unit, lambda _fraction, _details: None)
    content = io.StringIO()
    extracted = extractor.assemble(source, iter([(unit, part)]), content, scratch)
    return content.getvalue(), extracted


def test_a_transcript_becomes_paragraphs_with_times(youtube: Any, tmp_path: Path) -> None:
    content, extracted = extract(youtube, tmp_path)
    assert content == (
        f"# On rivers\n\n[0:00]({URL}) Rivers & lakes are old.\n\n"
        f"[1:01]({URL}&t=61s) They run 🌊.\n\n"
    )
    assert (extracted.title, extracted.author) == ("On *rivers*", "Brook TV")


def test_speech_recognition_is_told_and_its_language_taken(youtube: Any, tmp_path: Path) -> None:
    _, extracted = extract(youtube, tmp_path)
    assert extracted.language == "en"
    assert extracted.notes == ("The transcript was made by speech recognition.",)


def test_a_chosen_language_goes_first(youtube: Any, tmp_path: Path) -> None:
    _, extracted = extract(youtube, tmp_path, languages=("fr", "de"))
    assert (extracted.language, extracted.notes) == ("de", ())


def test_a_pasted_transcript_is_taken_and_nothing_fetched(youtube: Any, tmp_path: Path) -> None:
    content, _ = extract(youtube, tmp_path, text="0:00\nRivers\n0:04\nare old\n")
    assert content == f"[0:00]({URL}) Rivers are old\n\n"
    assert youtube.asked == []


def test_a_title_is_not_needed(youtube: Any, tmp_path: Path) -> None:
    youtube.answers["/oembed"] = (404, "Not Found")
    content, extracted = extract(youtube, tmp_path)
    assert content.startswith("[0:00]")
    assert extracted.title is None


BOT = "Sign in to confirm you’re not a bot"
PLAYER = "/youtubei/v1/player"


@pytest.mark.parametrize(
    ("path", "answer", "error", "words"),
    [
        (PLAYER, (200, json.dumps(player())), PermanentError, "no transcript"),
        (
            PLAYER,
            (200, json.dumps(player(status="LOGIN_REQUIRED", reason=BOT))),
            PermanentError,
            "does not answer programs.*copy it, and add",
        ),
        (
            PLAYER,
            (200, json.dumps(player(status="ERROR", reason="This video is unavailable"))),
            PermanentError,
            "no video at this address",
        ),
        (
            PLAYER,
            (200, json.dumps(player(status="UNPLAYABLE", reason="Join this channel"))),
            PermanentError,
            "does not play",
        ),
        (PLAYER, (200, "no json"), PermanentError, "not understood"),
        (PLAYER, (200, "[]"), PermanentError, "not understood"),
        ("/watch", (429, ""), PermanentError, "does not answer programs"),
        ("/watch", (200, "<html>"), PermanentError, "not understood"),
        ("/watch", (403, ""), PermanentError, "refused"),
        ("/watch", (503, ""), TransientError, "busy"),
        ("/api/timedtext", (200, ""), PermanentError, "not understood"),
        (
            "/api/timedtext",
            (200, '<!DOCTYPE t [<!ENTITY a "b">]><t><text start="0">&a;</text></t>'),
            PermanentError,
            "not understood",
        ),
    ],
)
def test_what_goes_wrong_is_classed_and_told(
    youtube: Any,
    tmp_path: Path,
    path: str,
    answer: tuple[int, str],
    error: type[RhizomeError],
    words: str,
) -> None:
    youtube.answers[path] = answer
    with pytest.raises(error, match=words) as caught:
        extract(youtube, tmp_path)
    assert type(caught.value) is error
