from pathlib import Path
from typing import Any

import pytest

from benchmarks import (
    latency,
    latency_busy,
    markdown_folder,
    per_run,
    terminate,
    throughput,
    tick,
    unchanged,
)
from benchmarks.latency import summaries
from benchmarks.markdown_files import write_folder
from benchmarks.markdown_folder import part_seconds
from benchmarks.programs.embedder import DIMENSIONS, vector
from benchmarks.spread import spread

OURS = {
    "runs": 2,
    "places": 2,
    "chunks": 30,
    "taken_in": 0.2,
    "queued": 6.0,
    "launched": 1.0,
    "worked": 4.0,
    "run": 5.0,
    "seconds": 4.0,
    "whole": 5.0,
    "steps": {"extraction": 2.0, "chunking": 1.0, "embeddings": 0.6, "connections": 0.4},
}


def test_moments_are_told_in_seconds_and_in_imports() -> None:
    rows = [{"started": float(number)} for number in range(1, 21)]
    found = summaries(rows, {"started": "first line"}, fresh=[4.0, 2.0, 3.0])["started"]
    assert (found["p50"], found["p95"], found["most"]) == (10.0, 19.0, 20.0)
    assert found["to_import"]["p50"] == pytest.approx(10 / 3)


def test_the_run_around_its_steps_is_what_the_steps_leave() -> None:
    parts = part_seconds(OURS)
    assert parts["the run around its steps"] == pytest.approx(0.5)
    assert parts["step extraction"] == 1.0
    assert parts["waiting for its turn"] == 3.0


def test_the_look_is_what_is_left_of_each_round_without_the_start() -> None:
    found = unchanged.summary([{"whole": 3.0, "start": 1.0}, {"whole": 2.0, "start": 1.5}])
    assert found["look"] == {"median": 1.25, "least": 0.5, "most": 2.0, "count": 2}


def test_what_did_not_end_in_time_is_told() -> None:
    assert terminate.within([1.0, 3.0, 2.0], 60) == "2.00 s (1.00–3.00)"
    assert terminate.within([1.0, None, 2.0], 60) == "1.50 s (1.00–2.00); 1 of 3 > 60 s"
    assert terminate.within([None], 60) == "> 60 s"


def test_rows_and_bytes_are_those_of_one_run() -> None:
    one = {
        "runs": 2,
        "tables": {"event_logs": {"rows": 100, "bytes": 9_000}, "runs": {"rows": 2, "bytes": None}},
    }
    assert per_run.per_run(one, "event_logs") == (50, 4_500)
    assert per_run.per_run(one, None) == (51, 4_500)


def test_made_files_are_the_same_every_time(tmp_path: Path) -> None:
    sizes = [write_folder(tmp_path / name, files=3, size=30_000) for name in ("a", "b")]
    assert sizes[0] == sizes[1]
    assert 30_000 <= sizes[0] < 36_000
    texts = [[p.read_text() for p in sorted((tmp_path / name).iterdir())] for name in ("a", "b")]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == 3
    assert all(text.startswith("# ") and "\n## " in text for text in texts[0])


def test_a_vector_is_told_by_its_text_alone() -> None:
    assert len(vector("one")) == DIMENSIONS
    assert vector("one") == vector("one") != vector("two")
    assert all(-1 <= number < 1 for number in vector("ünï"))


def test_each_figure_writes_its_table() -> None:
    moment = {"p50": 1.0, "p95": 2.0, "least": 0.5, "most": 2.5, "all": [1.0]}
    timed = moment | {"to_import": {"p50": 0.5, "p95": 1.0}}
    few = {"finished": 5, "pending": 5, **moment}
    trivial = {"canceled": [0.5, None], "gone": [1.0, 2.0], "status": ["CANCELED", "CANCELING"]}
    table = {"rows": 4, "bytes": 100, "characters": 80}
    left = {
        "runs": 2,
        "tables": dict.fromkeys(per_run._TABLES, table),
        "snapshots": {"rows": 1, "bytes": 5},
    }
    peer = {"chunks": 20, "seconds": spread([2.0]), "whole": spread([3.0])}
    look = {name: spread([1.0]) for name in ("whole", "start", "look")}
    way = {"name": "ours", "what": "a run", "runs": 4, "seconds": 8.0, "per_minute": 30.0}
    told: list[tuple[Any, dict[str, Any], str]] = [
        (
            latency,
            {"import": spread([2.0]), "stock": dict.fromkeys(latency.STOCK_MOMENTS, timed)}
            | dict.fromkeys(latency.MOMENTS, timed),
            "waits 1.0 times",
        ),
        (
            latency_busy,
            {"queued": 50, "places": 2, "idle": moment, "busy": moment, "work": spread([0.5])},
            "2.0× | 4.0×",
        ),
        (throughput, {"ways": [way, way | {"name": "stock", "per_minute": 10.0}]}, "3.0×"),
        (
            markdown_folder,
            {
                "versions": {"cocoindex": "1"},
                "files": 2,
                "bytes": 30_000,
                "ours": {"hash": OURS, "built-in": OURS},
                "peers": dict.fromkeys(markdown_folder.PEERS, peer),
            },
            "0.50×",
        ),
        (
            unchanged,
            {"files": 4, "bytes": 50_000, "ours": look, "cocoindex": look},
            "1 rounds in turn",
        ),
        (tick, {"few": few, "many": few | {"p50": 3.0}}, "3.0×"),
        (
            terminate,
            {"limit": 60.0}
            | {name: dict.fromkeys(terminate.JOBS, trivial) for name in terminate.LAUNCHERS},
            "1 of 2 > 60 s",
        ),
        (per_run, {"ours": left, "stock": left}, "| **in all** | 12 | 300 | 12 | 300 |"),
    ]
    for figure, found, expected in told:
        assert expected in figure.tables(found)
