import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.warm_launcher import protocol
from rhizome_pipelines.warm_launcher.protocol import (
    Answer,
    Birth,
    Conversation,
    LineReader,
    Reply,
    Request,
    Wish,
    decode_birth,
    decode_reply,
    decode_request,
    encode,
)


@pytest.mark.parametrize("wish", Wish)
def test_a_request_is_read_as_it_was_written(wish: Wish) -> None:
    request = Request(wish, "a-run", grace=1.5)
    assert decode_request(encode(request)) == request


@pytest.mark.parametrize("answer", Answer)
def test_a_reply_is_read_as_it_was_written(answer: Answer) -> None:
    reply = Reply(answer, "because\nof 'this' ü", "worker")
    assert decode_reply(encode(reply)) == reply


def test_a_birth_is_read_as_it_was_written() -> None:
    birth = Birth("folder", "digest", "ref", "origin", modules=["numpy"], watched=[".env"])
    assert decode_birth(encode(birth).decode()) == birth


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[]",
        b'"ping"',
        b"{}",
        b'{"wish": "dance"}',
        b'{"wish": ["ping"]}',
        b'{"wish": "end", "grace": NaN}',
        b'{"wish": "end", "grace": -1}',
        b'{"wish": "end", "grace": Infinity}',
        b'{"wish": "end", "grace": null}',
        b"\xff",
    ],
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode_request(line)


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line)), st.data())
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    reader = LineReader()
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[begin:end])
    assert found == lines


def test_a_line_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LONGEST_LINE", 10)
    reader = LineReader()
    reader.feed(b"0123456789")
    with pytest.raises(ValueError, match="too long"):
        reader.feed(b"0")


@pytest.mark.parametrize("answer", [b"nonsense\n", b"[]\n", b"{}\n", b'{"answer": "ok"'])
def test_what_is_no_answer_is_an_error_of_the_connection(answer: bytes) -> None:
    here, there = socket.socketpair()
    there.sendall(answer)
    there.shutdown(socket.SHUT_WR)
    conversation = Conversation(here)
    with there, pytest.raises(OSError, match="answer"):
        conversation.ask(Request(Wish.PING), timeout=5.0)
    conversation.close()
