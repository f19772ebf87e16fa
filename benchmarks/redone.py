"""How much is embedded again after everything was killed with SIGKILL: ours, and CocoIndex.

The same markdown files and the same embedding service for both, which outlives the killed
processes and counts the texts that it embeds (`counted_embedder`). Everything is killed at a
random moment of the quarter of a second after the service has embedded a given share of the
texts, started again as it was started first, and waited for. *Redone* are the texts embedded in
both lives together beyond those that an undisturbed life needs, as a share of those. Nothing else
is counted: what was read, split or written again has no counter that both have.

Ours is `rhizome up` and a row for each file; killed are the command, code server, daemon, web
server, warm process, workers and guardian. CocoIndex is one process with its memory (LMDB) on the
disk. It is measured as its documentation shows it, and set up for this: with as many files at
once as ours has, and with every chunk a component of its own. Both keep their Postgres.

One file with all the text of the folder is the second case: a unit is a part of a document there.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.competitors import PEERS as PACKAGES
from benchmarks.competitors import python_of_peers, versions
from benchmarks.counted_embedder import SECONDS_PER_TEXT, CountedEmbedder, counted_embedder
from benchmarks.interrupted import Indexing, of_peer, ours
from benchmarks.markdown_files import BYTES, FILES, write_folder
from benchmarks.spread import spread
from benchmarks.workshop import CannotMeasureError, Workshop, say

ROUNDS = 3
SHARES = {"1/3": 1 / 3, "2/3": 2 / 3, "95 %": 0.95}
MIDDLE = {"1/2": 1 / 2}
AFTER_SECONDS = 0.25
LIMIT = 600.0

WAYS = {
    "ours": "ours",
    "cocoindex": "CocoIndex, as documented",
    "cocoindex_files": "CocoIndex, 2 files at once",
    "cocoindex_chunks": "CocoIndex, a component a chunk, 64 at once",
}
CASES = {
    "folder": (SHARES, list(WAYS)),
    "one file": (MIDDLE, ["ours", "cocoindex", "cocoindex_chunks"]),
}

Open = Callable[[], AbstractContextManager[Indexing]]


@dataclass(frozen=True)
class Life:
    """Texts that were embedded: when everything was killed, in all, and how many differ."""

    killed_at: int
    made: int
    distinct: int
    chunks: int


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"versions", "files", "bytes", "seconds_per_text", "cases": {case: {way: {…}}}}`."""
    known = versions(python_of_peers(workshop), PACKAGES)
    files = 8 if workshop.quick else FILES
    size = files * BYTES // FILES
    with (
        workshop.folder("markdown") as folder,
        workshop.folder("one") as single,
        counted_embedder() as embedder,
    ):
        written = write_folder(folder, files, size)
        _put_together(folder, single / "all.md")
        folders = {"folder": folder, "one file": single}
        cases = {
            case: _case(workshop, embedder, case, folders[case], shares, names)
            for case, (shares, names) in CASES.items()
        }
    return {
        "versions": {"cocoindex": known["cocoindex"]},
        "files": files,
        "bytes": written,
        "seconds_per_text": SECONDS_PER_TEXT,
        "cases": cases,
    }


def _put_together(folder: Path, target: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())]
    target.write_text("\n".join(texts), encoding="utf-8")


def _case(
    workshop: Workshop,
    embedder: CountedEmbedder,
    case: str,
    folder: Path,
    shares: Mapping[str, float],
    names: Sequence[str],
) -> dict[str, Any]:
    ways = {name: _opening(workshop, name, folder, embedder) for name in names}
    found: dict[str, Any] = {}
    for name, opened in ways.items():
        say(f"redone: {case}, {name}, undisturbed")
        life = undisturbed(opened, embedder)
        found[name] = {"needed": life.made, "chunks": life.chunks, "kills": {}}
    for number in range(workshop.repetitions(ROUNDS)):
        for share, fraction in shares.items():
            for name, opened in ways.items():
                known = found[name]
                delay = random.Random(f"{case} {name} {share} {number}").uniform(0, AFTER_SECONDS)
                life = killed(opened, embedder, round(known["needed"] * fraction), delay)
                if life.chunks != known["chunks"]:
                    raise CannotMeasureError(
                        f"{WAYS[name]} stored {life.chunks} chunks after a kill, and "
                        f"{known['chunks']} undisturbed."
                    )
                again = redone(life.made, known["needed"])
                say(f"redone: {case}, {name}, {share}, round {number + 1}: {again:.1%}")
                known["kills"].setdefault(share, []).append({**asdict(life), "redone": again})
    return found


def _opening(workshop: Workshop, name: str, folder: Path, embedder: CountedEmbedder) -> Open:
    if name == "ours":
        return lambda: ours(workshop, folder, embedder.url)
    return lambda: of_peer(workshop, name, folder, embedder.url)


def undisturbed(opened: Open, embedder: CountedEmbedder) -> Life:
    embedder.reset()
    with opened() as indexing:
        indexing.begin()
        chunks = indexing.finish(LIMIT)
    return Life(embedder.made, embedder.made, embedder.distinct, chunks)


def killed(opened: Open, embedder: CountedEmbedder, count: int, delay: float) -> Life:
    """Two lives: killed `delay` seconds after `count` texts were embedded, and begun again."""
    embedder.reset()
    with opened() as indexing:
        indexing.begin()
        embedder.wait_until_made(count, LIMIT)
        time.sleep(delay)
        indexing.kill()
        at = embedder.made
        indexing.begin()
        chunks = indexing.finish(LIMIT)
    return Life(at, embedder.made, embedder.distinct, chunks)


def redone(made: int, needed: int) -> float:
    """Texts embedded beyond the needed ones, as a share of those."""
    return (made - needed) / needed


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        f"cocoindex {found['versions']['cocoindex']}. {found['files']} files, "
        f"{found['bytes'] / 1_000_000:.1f} MB; {1000 * found['seconds_per_text']:.0f} ms a text. "
        f"Kills for each figure: {_rounds(found)}; median (worst).",
    ]
    for case, ways in found["cases"].items():
        shares = list(next(iter(ways.values()))["kills"])
        what = f"{found['files']} files" if case == "folder" else "all the text in one file"
        lines += [
            "",
            f"| {what}, killed at | texts needed | " + " | ".join(shares) + " |",
            "|---|--:|" + "--:|" * len(shares),
            *(_line(name, ways[name], shares) for name in WAYS if name in ways),
        ]
    return "\n".join(lines)


def _rounds(found: dict[str, Any]) -> int:
    return len(next(iter(found["cases"]["folder"]["ours"]["kills"].values())))


def _line(name: str, one: dict[str, Any], shares: Sequence[str]) -> str:
    told = [spread([kill["redone"] for kill in one["kills"][share]]) for share in shares]
    cells = " | ".join(f"{each['median']:.1%} ({each['most']:.1%})" for each in told)
    return f"| {WAYS[name]} | {one['needed']:,} | {cells} |"
