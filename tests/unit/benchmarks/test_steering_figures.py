"""What is computed of measurements of killing, pausing and resuming; nothing is measured here."""

import socket
import threading

import httpx
import pytest

from benchmarks import pausing, redone
from benchmarks.counted_embedder import CountedEmbedder, counted_embedder
from benchmarks.programs.embedder import vector
from benchmarks.workshop import CannotMeasureError, Workshop


def test_redone_is_what_was_embedded_beyond_what_is_needed() -> None:
    assert redone.redone(made=125, needed=100) == 0.25
    assert redone.redone(made=100, needed=100) == 0.0


def test_kills_are_told_by_their_median_and_their_worst() -> None:
    one = {"needed": 1_000, "kills": {"1/3": [{"redone": 0.01}, {"redone": 0.0}, {"redone": 0.2}]}}
    found = {
        "versions": {"cocoindex": "1.0"},
        "files": 100,
        "bytes": 1_500_000,
        "seconds_per_text": 0.005,
        "cases": {"folder": {"ours": one}},
    }
    told = redone.tables(found)
    assert "Kills for each figure: 3;" in told
    assert "| ours | 1,000 | 1.0% (20.0%) |" in told


def test_stock_dagster_is_told_as_a_multiple_of_ours() -> None:
    ours = [{"stage": "chunking", "acknowledged": 0.1, "first_line": 0.2, "first_unit": 0.4}]
    stock = [{"acknowledged": 0.2, "first_line": 3.0}]
    told = pausing.tables({"pages": 1_000, "ours": ours * 20, "stock": stock * 20})
    assert "20 moments of a PDF of 1,000 pages (20 in chunking)" in told
    last = told.splitlines()[-1]
    assert last.endswith("| 3.00 s | 3.00 s | 3.00–3.00 s | 15.0× | 15.0× |")


def test_rounds_take_the_place_of_what_is_usual() -> None:
    assert Workshop().repetitions(3) == 3
    assert Workshop(rounds=10).repetitions(3) == 10
    assert Workshop(quick=True, rounds=10).repetitions(3) == 1


def test_the_service_counts_every_text_that_it_embeds() -> None:
    with counted_embedder() as service:
        asked = {"model": "hash", "input": ["root", "shoot", "root"]}
        answer = httpx.post(f"{service.url}/embeddings", json=asked).json()
        assert [one["embedding"] for one in answer["data"]] == [
            vector(text) for text in asked["input"]
        ]
        assert (service.made, service.distinct) == (3, 2)
        service.reset()
        assert service.made == 0


def test_a_request_is_dropped_if_its_asker_is_gone_before_its_turn() -> None:
    asker, served = socket.socketpair()
    with CountedEmbedder(seconds_per_text=0.0) as service, served:
        with asker:
            service.embed(["root"], served)
        with pytest.raises(ConnectionError):
            service.embed(["shoot"], served)
        assert service.made == 1


def test_who_waits_for_texts_is_woken_by_the_last_or_told_that_it_does_not_come() -> None:
    with CountedEmbedder(seconds_per_text=0.0) as service:
        threading.Timer(0.05, service.embed, [["one", "two"]]).start()
        service.wait_until_made(2, 10.0)
        with pytest.raises(CannotMeasureError, match="2 of 3"):
            service.wait_until_made(3, 0.01)
