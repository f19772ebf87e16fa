"""What it costs to learn that nothing has changed: a folder that is known already, again.

The folder of `markdown_folder`. Ours: `rhizome process` on it once more; nobody is asked to do
anything, so no deployment is needed, only the database. Beside it `rhizome --help`, which is what
the start of the command costs. CocoIndex, in turn: its update of the same folder, unchanged too,
and a process that only imports it. What is left after taking away the start is the look itself.
"""

from typing import Any

from benchmarks.deployment import deployment, new_home
from benchmarks.folder_work import embedder, environment, hash_model, peer, rhizome
from benchmarks.markdown_files import BYTES, FILES, write_folder
from benchmarks.spread import spread, told
from benchmarks.workshop import Workshop, say

ROUNDS = 7
WAYS = {
    "ours": ("`rhizome process`", "`rhizome --help`"),
    "cocoindex": ("CocoIndex, update", "CocoIndex, only imported"),
}


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"files", "bytes", way: {"whole", "start", "look"}}`; seconds."""
    files = 4 if workshop.quick else FILES
    taken: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with (
        workshop.folder("markdown") as folder,
        embedder() as url,
        environment(**hash_model(url)),
        new_home(workshop) as home,
        peer(workshop, "cocoindex", url) as other,
    ):
        size = write_folder(folder, files, files * BYTES // FILES)
        say("unchanged: the folder for the first time")
        with deployment(home):
            rhizome(home.path, ["process", folder])
        other.index(folder)
        for number in range(workshop.repetitions(ROUNDS)):
            say(f"unchanged: round {number + 1}")
            whole, start = rhizome(home.path, ["process", folder]), rhizome(home.path, ["--help"])
            taken["ours"].append({"whole": whole, "start": start})
            whole, start = other.index(folder)["whole"], other.only_start()
            taken["cocoindex"].append({"whole": whole, "start": start})
    return {"files": files, "bytes": size, **{way: summary(taken[way]) for way in WAYS}}


def summary(rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Spreads of the whole, of the start, and of what is between them, round by round."""
    return {
        "whole": spread([one["whole"] for one in rounds]),
        "start": spread([one["start"] for one in rounds]),
        "look": spread([one["whole"] - one["start"] for one in rounds]),
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        f"{found['files']} files, {found['bytes'] / 1_000_000:.1f} MB, nothing changed; "
        f"{found['ours']['whole']['count']} rounds in turn, median (least–most).",
        "",
        "| | time | the start alone | | the look itself |",
        "|---|--:|--:|---|--:|",
    ]
    for way, (name, start) in WAYS.items():
        one = found[way]
        lines.append(
            f"| {name} | {told(one['whole'], 2, ' s')} | {told(one['start'], 2, ' s')} | {start} "
            f"| {told(one['look'], 2, ' s')} |"
        )
    return "\n".join(lines)
