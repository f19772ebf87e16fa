"""An embeddings service on the loopback interface, with the faults that services have."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from rhizome_pipelines.embedding import EmbeddingConfig
from rhizome_pipelines.embedding.models.endpoint import EndpointModel
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError

KEY = "sk-not-to-be-shown"
Reply = tuple[int, dict[str, str], Any]


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 1.0, 2.0]


def good(request: dict[str, Any]) -> Reply:
    """As OpenAI answers, in reverse order: `index` says which is which."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector_of(text)}
        for index, text in enumerate(request["input"])
    ]
    return 200, {}, {"object": "list", "data": data[::-1], "model": request["model"]}


def status(code: int, headers: dict[str, str] | None = None, body: Any = None) -> Any:
    return lambda request: (code, headers or {}, body if body is not None else {})


def data(*rows: Any) -> Any:
    return status(200, body={"data": [{"index": i, "embedding": r} for i, r in enumerate(rows)]})


@dataclass
class Service:
    """Answers with `replies` in turn, and then well."""

    url: str = ""
    replies: list[Callable[[dict[str, Any]], Reply | None]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def model(self, **options: Any) -> EndpointModel:
        config = EmbeddingConfig("endpoint:small", self.url, KEY, **options)
        return EndpointModel("small", config, sleep=self.waited.append)


class Handler(BaseHTTPRequestHandler):
    service: Service

    def do_POST(self) -> None:
        service = self.service
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        service.requests.append(request)
        service.keys.append(self.headers["Authorization"])
        assert self.path == "/v1/embeddings"
        reply = (service.replies.pop(0) if service.replies else good)(request)
        if reply is None:
            self.close_connection = True  # hang up without a word
            return
        code, headers, body = reply
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(code)
        for name, value in {**headers, "Content-Length": str(len(encoded))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    handler = type("ServiceHandler", (Handler,), {"service": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_vectors_come_in_the_order_of_the_texts_with_length_one(service: Service) -> None:
    texts = ["a", "", "ccc", "bb"]
    vectors = service.model(batch_size=2).embed(texts)
    assert [request["input"] for request in service.requests] == [["a", "ccc"], ["bb"]]
    expected = np.array([vector_of(text) if text else [0, 0, 0] for text in texts])
    expected[expected.any(axis=1)] /= np.linalg.norm(expected[expected.any(axis=1)], axis=1)[
        :, None
    ]
    assert np.allclose(vectors, expected)
    assert vectors.dtype == np.float32


def test_key_model_and_dimensions_are_sent(service: Service) -> None:
    model = service.model(dimensions=3)
    model.embed(["a"])
    assert service.keys == [f"Bearer {KEY}"]
    assert service.requests == [{"model": "small", "input": ["a"], "dimensions": 3}]
    assert model.space == EmbeddingSpace("endpoint:small@3", 3)


def test_dimensions_that_are_not_set_are_asked_for_once(service: Service) -> None:
    model = service.model()
    assert model.space == EmbeddingSpace("endpoint:small", 3)
    assert model.embed([" "]).tolist() == [[0, 0, 0]]
    assert len(service.requests) == 1
    assert "dimensions" not in service.requests[0]


def test_long_texts_are_cut(service: Service) -> None:
    service.model(max_input_characters=5).embed(["abcdefgh"])
    assert service.requests[0]["input"] == ["abcde"]


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_again(service: Service, code: int) -> None:
    service.replies = [status(code), status(code)]
    assert service.model().embed(["a"]).shape == (1, 3)
    assert service.waited == [0.5, 1.0]


def test_a_service_that_hangs_up_is_asked_again(service: Service) -> None:
    service.replies = [lambda request: None]
    assert service.model().embed(["a"]).shape == (1, 3)


def test_the_wait_that_is_asked_for_is_kept(service: Service) -> None:
    service.replies = [
        status(429, {"Retry-After": "3"}),
        status(
            503,
            {
                "Retry-After": "Mon, 01 Jan 2024 00:00:09 GMT",
                "Date": "Mon, 01 Jan 2024 00:00:02 GMT",
            },
        ),
        status(429, {"Retry-After": "soon"}),
    ]
    service.model().embed(["a"])
    assert service.waited == [3.0, 7.0, 2.0]


def test_a_long_wait_is_left_to_the_job(service: Service) -> None:
    service.replies = [status(429, {"Retry-After": "120"})]
    with pytest.raises(TransientError, match="asked 1 times") as caught:
        service.model().embed(["a"])
    assert caught.value.retry_after == 120
    assert service.waited == []


def test_a_service_that_stays_busy_is_transient(service: Service) -> None:
    service.replies = [status(503)] * 9
    with pytest.raises(TransientError, match="status 503") as caught:
        service.model(attempts=3).embed(["a"])
    assert caught.value.retry_after is None
    assert len(service.requests) == 3


def test_nobody_there_is_transient() -> None:
    service = Service(url="http://127.0.0.1:9/v1")
    with pytest.raises(TransientError, match="did not answer"):
        service.model(attempts=2).embed(["a"])


def test_an_answer_that_takes_too_long_is_transient(service: Service) -> None:
    released = threading.Event()

    def slow(request: dict[str, Any]) -> Reply | None:
        released.wait(20)
        return None

    service.replies = [slow]
    try:
        with pytest.raises(TransientError, match="ReadTimeout"):
            service.model(attempts=1, timeout=0.1).embed(["a"])
    finally:
        released.set()


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (401, "RHIZOME_EMBEDDING_API_KEY"),
        (403, "RHIZOME_EMBEDDING_API_KEY"),
        (404, "RHIZOME_EMBEDDING_BASE_URL"),
        (301, "RHIZOME_EMBEDDING_BASE_URL"),
        (413, "RHIZOME_CHUNK_CHARACTERS"),
    ],
)
def test_a_refusal_names_the_setting(service: Service, code: int, setting: str) -> None:
    service.replies = [status(code, {"Location": "http://127.0.0.1:9/"})]
    with pytest.raises(PermanentError, match=setting) as caught:
        service.model().embed(["a"])
    assert KEY not in str(caught.value)
    assert len(service.requests) == 1


def test_a_refused_request_is_told_in_the_services_words_without_the_key(service: Service) -> None:
    service.replies = [status(400, body={"error": {"message": f"input too\nlong for {KEY}"}})]
    with pytest.raises(PermanentError, match="input too long") as caught:
        service.model().embed(["a"])
    assert KEY not in str(caught.value)


def test_a_used_up_quota_is_not_asked_again(service: Service) -> None:
    service.replies = [status(429, body={"error": {"code": "insufficient_quota"}})]
    with pytest.raises(PermanentError, match="quota"):
        service.model().embed(["a"])
    assert len(service.requests) == 1


def test_a_batch_that_is_too_large_is_halved(service: Service) -> None:
    def narrow(request: dict[str, Any]) -> Reply:
        return good(request) if len(request["input"]) <= 2 else (413, {}, {})

    service.replies = [narrow] * 10
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    expected = np.array([vector_of(text) for text in texts])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(service.model().embed(texts), expected)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (data([1.0, 2.0, 3.0]), "1 vectors for 2 texts"),
        (data([1.0, 2.0], [1.0, 2.0, 3.0]), "different lengths"),
        (data([1.0, float("nan")], [1.0, 2.0]), "not finite"),
        (data([1.0, float("inf")], [1.0, 2.0]), "not finite"),
        (data([1.0, None], [1.0, 2.0]), "not finite"),
        (data([1.0, "x"], [1.0, 2.0]), "no numbers"),
        (data([], []), "no list of numbers"),
        (data("AAAA", "AAAA"), "no list of numbers"),
        (data([[1.0]], [[1.0]]), "not finite|no numbers"),
        (status(200, body=b"<html>"), "format"),
        (status(200, body=b"[" * 100_000), "format"),
        (status(200, body=[1]), "format"),
        (status(200, body={"data": [1, 2]}), "format"),
        (status(200, body={"data": [{"index": 0, "embedding": [1.0]}] * 2}), "numbered"),
        (status(200, body={"data": [{"index": [], "embedding": [1.0]}] * 2}), "numbered"),
        (status(200, body={"data": [{"embedding": [1.0]}, {"index": 1}]}), "numbered"),
    ],
)
def test_an_answer_that_makes_no_sense_is_told(service: Service, reply: Any, sentence: str) -> None:
    service.replies = [reply]
    with pytest.raises(PermanentError, match=sentence):
        service.model().embed(["a", "bb"])


def test_other_dimensions_than_asked_for_are_told(service: Service) -> None:
    with pytest.raises(PermanentError, match="RHIZOME_EMBEDDING_DIMENSIONS"):
        service.model(dimensions=8).embed(["a"])


def test_vectors_without_index_are_taken_in_order(service: Service) -> None:
    service.replies = [status(200, body={"data": [{"embedding": [3.0, 4.0]}]})]
    assert service.model().embed(["a"])[0] == pytest.approx([0.6, 0.8])


def test_an_endless_answer_is_broken_off(service: Service) -> None:
    service.replies = [status(200, body=b" " * (2**20 + 1))]
    config = EmbeddingConfig("endpoint:small", service.url)
    with pytest.raises(PermanentError, match="more than 1 MB"):
        EndpointModel("small", config, largest_answer=2**20).embed(["a"])
