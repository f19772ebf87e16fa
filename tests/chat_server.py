"""A chat endpoint on the loopback interface, with all the faults that a test wants."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rhizome_pipelines.language_model import ChatEndpoint

KEY = "sk-very-secret"


@dataclass
class Reply:
    """What the server answers; the body may be anything."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[dict[str, Any], int], Reply | None]
"""`script(request, number)`: an answer; None breaks the connection off."""


class ChatServer:
    """Answers `/v1/chat/completions` by a script, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.script: Script = lambda request, _: saying("{}")
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.chat = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def endpoint(self, **options: Any) -> ChatEndpoint:
        url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        return ChatEndpoint(url, "small-1", **{"api_key": KEY, "timeout": 5.0, **options})

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    chat: ChatServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        chat = self.server.chat
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        chat.requests.append({"path": self.path, **request})
        chat.authorizations.append(self.headers["authorization"])
        reply = chat.script(request, len(chat.requests))
        if reply is None:
            self.close_connection = True
            return
        try:
            self._send(reply)
        except ConnectionError:
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"content-length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def saying(text: str | None) -> Reply:
    return Reply(json.dumps({"choices": [{"message": {"content": text}}]}).encode())
