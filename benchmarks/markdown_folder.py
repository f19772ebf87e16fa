"""A hundred markdown files, 1.5 MB in all, into chunks with vectors: ours beside two libraries.

All read the same files, split them at about 1,200 characters, and store text and vectors in the
same embedded Postgres with pgvector, each in a fresh one. All ask the same service for vectors,
64 texts at a time, which makes them of hashes: what is measured is everything but a model. Ours is
`rhizome process` with a deployment that is up: one Dagster run for each file, with all that
belongs to it. It is measured a second time with its built-in model.

Time is told with the start of the process and without: for ours from the first document's row to
the last `completed`, for the libraries from after their imports.
"""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.competitors import PEERS as PACKAGES
from benchmarks.competitors import python_of_peers, versions
from benchmarks.deployment import Home, deployment, new_home
from benchmarks.folder_work import (
    PEERS,
    chunk_count,
    embedder,
    environment,
    hash_model,
    peer,
    rhizome,
)
from benchmarks.markdown_files import BYTES, FILES, write_folder
from benchmarks.spread import spread, told
from benchmarks.wishes import tiny_document, wish
from benchmarks.workshop import CannotMeasureError, Workshop, say
from rhizome_pipelines.deployment.services import dagster_database_url
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES

ROUNDS = 3
FIRST_LIMIT = 120.0
END_SECONDS = 30.0

_WORK = """
    select extract(epoch from max(j.completed_at) - min(d.created_at))::float8 as seconds,
           extract(epoch from max(j.created_at) - min(d.created_at))::float8 as taken_in
    from documents d join background_jobs j on j.entity_id = d.id
    where j.user_id = %s
"""
_PARTS = """
    select sum(extract(epoch from a.created_at - j.created_at))::float8 as queued,
           sum(extract(epoch from a.started_at - a.created_at))::float8 as launched,
           sum(extract(epoch from j.completed_at - a.started_at))::float8 as worked,
           array_agg(a.run_id) as runs
    from background_jobs j join job_attempts a on a.job_id = j.id
    where j.user_id = %s
"""
_STEPS = """
    select step_key,
           sum(extract(epoch from ended - began))::float8 as seconds
    from (select run_id, step_key,
                 min(timestamp) filter (where dagster_event_type = 'STEP_START') as began,
                 max(timestamp) filter (where dagster_event_type = 'STEP_SUCCESS') as ended
          from event_logs where run_id = any(%s) and step_key is not null
          group by run_id, step_key) as steps
    group by step_key
"""
_RUNS = """
    select count(*) as runs, count(end_time) as ended, sum(end_time - start_time) as seconds
    from runs where run_id = any(%s)
"""


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"files", "bytes", "versions", "ours": {"hash", "built-in"}, "peers": {name: …}}`."""
    known = versions(python_of_peers(workshop), PACKAGES)
    files = 4 if workshop.quick else FILES
    with workshop.folder("markdown") as folder, embedder() as url:
        size = write_folder(folder, files, files * BYTES // FILES)
        ours = {
            "hash": _ours(workshop, folder, hash_model(url)),
            "built-in": _ours(workshop, folder, {}),
        }
        peers: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
        for number in range(workshop.repetitions(ROUNDS)):
            for name in PEERS:
                say(f"markdown_folder: {name}, round {number + 1}")
                with peer(workshop, name, url) as one:
                    peers[name].append({**one.index(folder), "chunks": one.chunks()})
    return {
        "files": files,
        "bytes": size,
        "versions": known,
        "ours": ours,
        "peers": {
            name: {
                "chunks": rounds[0]["chunks"],
                "seconds": spread([found["seconds"] for found in rounds]),
                "whole": spread([found["whole"] for found in rounds]),
            }
            for name, rounds in peers.items()
        },
    }


def _ours(workshop: Workshop, folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    say(f"markdown_folder: ours, {settings.get('RHIZOME_EMBEDDING_MODEL', 'built-in model')}")
    with (
        environment(**settings) if settings else nullcontext(),
        new_home(workshop) as home,
        deployment(home),
        workshop.folder("tiny") as tiny,
    ):
        database = home.services.database
        # The first run after the start may wait for what is still being loaded.
        [first] = wish(database, [tiny_document(home, tiny)])
        home.wait(first, FIRST_LIMIT)
        user = home.services.settings.user
        whole = rhizome(home.path, ["process", folder])
        work = database.first(_WORK, (user,))
        parts = database.first(_PARTS, (user,))
        if work is None or parts is None:
            raise AssertionError("an aggregate has a row")
        return {
            "chunks": chunk_count(database, user),
            "runs": len(parts["runs"]),
            "places": home.services.settings.max_in_flight,
            "seconds": work["seconds"],
            "whole": whole,
            "taken_in": work["taken_in"],
            "queued": parts["queued"],
            "launched": parts["launched"],
            "worked": parts["worked"],
            **_told_by_dagster(home, parts["runs"]),
        }


def _told_by_dagster(home: Home, runs: list[str]) -> dict[str, Any]:
    """Seconds of all runs and of their steps, in sum, once the last run has ended."""
    url = dagster_database_url(home.services.settings).replace("postgresql+psycopg2", "postgresql")
    deadline = time.monotonic() + END_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(_RUNS, (runs,)).fetchone()
            if row is not None and row[1] == len(runs):
                steps = dict(connection.execute(_STEPS, (runs,)).fetchall())
                return {"run": float(row[2]), "steps": steps}
            time.sleep(0.5)
    raise CannotMeasureError("Dagster does not tell the end of the runs that are being measured.")


def tables(found: dict[str, Any]) -> str:
    """Markdown: the comparison, then where the time of ours goes."""
    told_versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"{told_versions}. {found['files']} files, {found['bytes'] / 1_000_000:.1f} MB.",
        "",
        "| | runs | chunks | time | chunks/s | with the start of the process | time to ours |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    ours = found["ours"]["hash"]
    for key, name in (("hash", "ours"), ("built-in", "ours, built-in model")):
        one = found["ours"][key]
        lines.append(
            f"| {name} | {one['runs']} | {one['chunks']:,} | {one['seconds']:.1f} s "
            f"| {one['chunks'] / one['seconds']:,.0f} | {one['whole']:.1f} s "
            f"| {one['seconds'] / ours['seconds']:.2f}× |"
        )
    for key, name in PEERS.items():
        one = found["peers"][key]
        middle = one["seconds"]["median"]
        lines.append(
            f"| {name} | – | {one['chunks']:,} | {told(one['seconds'], 1, ' s')} "
            f"| {one['chunks'] / middle:,.0f} | {told(one['whole'], 1, ' s')} "
            f"| {middle / ours['seconds']:.2f}× |"
        )
    return "\n".join([*lines, "", *_where_it_goes(found)])


def _where_it_goes(found: dict[str, Any]) -> list[str]:
    names = [("hash", "hashes"), ("built-in", "built-in model")]
    lines = [
        f"Where the time of ours goes, a file, with {found['ours']['hash']['places']} files at "
        "once:",
        "",
        "| | " + " | ".join(name for _, name in names) + " |",
        "|---|" + "--:|" * len(names),
    ]
    parts = [part_seconds(found["ours"][key]) for key, _ in names]
    for label in parts[0]:
        lines.append(f"| {label} | " + " | ".join(f"{part[label]:.3f} s" for part in parts) + " |")
    return lines


def part_seconds(ours: dict[str, Any]) -> dict[str, float]:
    """Seconds a file by what they were spent on; the parts of a file's way in their order."""
    runs, steps = ours["runs"], ours["steps"]
    in_steps = sum(steps.get(stage, 0.0) for stage in DOCUMENT_STAGES)
    return {
        "taking in": ours["taken_in"] / runs,
        "waiting for its turn": ours["queued"] / runs,
        "from the attempt to the first line of stage code": ours["launched"] / runs,
        **{f"step {stage}": steps.get(stage, 0.0) / runs for stage in DOCUMENT_STAGES},
        "the run around its steps": max(0.0, ours["run"] - in_steps) / runs,
        "**all the wall time, divided by the files**": ours["seconds"] / runs,
    }
