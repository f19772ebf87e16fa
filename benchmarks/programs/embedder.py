"""An embedding service that costs next to nothing: vectors out of a hash, the same for all.

    python benchmarks/programs/embedder.py

Prints its port and answers `POST /v1/embeddings` on this machine until it is ended. A text's
vector are the 512 bytes of its SHAKE-128 as 256 numbers between -1 and 1. Nothing but the standard
library is needed.
"""

import hashlib
import json
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 256


def vector(text: str) -> list[float]:
    digest = hashlib.shake_128(text.encode("utf-8", "surrogatepass")).digest(2 * DIMENSIONS)
    return [number / 32_768 for number in struct.unpack(f"<{DIMENSIONS}h", digest)]


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        data = [
            {"object": "embedding", "index": index, "embedding": numbers}
            for index, numbers in enumerate(self.vectors(texts))
        ]
        answer = json.dumps({"object": "list", "model": asked["model"], "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def vectors(self, texts: list[str]) -> list[list[float]]:
        return [vector(text) for text in texts]

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
