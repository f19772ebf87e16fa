"""What is computed of measurements of size; nothing is measured here."""

from typing import Any

import numpy as np

from benchmarks import export_size, import_rows, neighbours, reanchoring
from benchmarks.made_library import made_text, made_vectors
from benchmarks.spread import spread


def test_each_figure_writes_its_table() -> None:
    size = {"documents": 2, "bytes": 200e6, "export_seconds": 2.0, "zip_seconds": 8.0, "peak": 3e8}
    rows = {
        "documents": 2,
        "bytes": 5e6,
        "rows": 1_000,
        "import_seconds": 10.0,
        "rows_seconds": 4.0,
        "copy_seconds": 1.0,
        "peak": 3e8,
    }
    near = {
        "name": "all",
        "chunks": 100_000,
        "exact": 8.0,
        "build": 60.0,
        "search": 2.0,
        "recall": 0.9,
    }
    slow = near | {"exact": 1.0}
    way = {
        "seconds": spread([0.002]),
        "times": spread([1.0]),
        "count": 10,
        "there": 8,
        "right": 6,
        "wrong_automatic": 1,
        "gone_and_told": 2,
    }
    told: list[tuple[Any, dict[str, Any], str]] = [
        (export_size, {"sizes": [size]}, "100 MB/s | 8.0 s, 25 MB/s | 4.0× | 300 MB"),
        (import_rows, rows, "| 4.0 | 250 | 0.25× |"),
        (
            neighbours,
            {"sources": 200, "nearest": 50, "ef_search": 100, "rows": [slow, near]},
            "| 1.00 s | 2.00 s | 0.5× | 0.900 | 60 s | never |",
        ),
        (
            neighbours,
            {"sources": 200, "nearest": 50, "ef_search": 100, "rows": [near]},
            "| about 80.00 s | about 2.00 s | 40.0× | – | about 600 s | 8 documents |",
        ),
        (
            reanchoring,
            {"size": 1_000_000, "highlights": 10, "ways": dict.fromkeys(reanchoring.NAMES, way)},
            "| 8 of 10 | 6 (75.0%) | 1 | 2 of 2 |",
        ),
    ]
    for figure, found, expected in told:
        assert expected in figure.tables(found)


def test_what_is_made_is_the_same_every_time() -> None:
    assert made_text(3, 1) == made_text(3, 1) != made_text(3, 2)
    assert np.array_equal(made_vectors(3, 1), made_vectors(3, 1))
    assert np.allclose(np.linalg.norm(made_vectors(3, 2), axis=1), 1)
