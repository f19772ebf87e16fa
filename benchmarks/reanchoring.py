"""Re-anchoring: 1,000 highlights in a text of 1 MB that was edited in known ways.

The text is made, its edits too, so where each highlight belongs afterwards is known. Words are
replaced, put in and taken out, paragraphs are dropped, put in, rewritten and moved, and all lines
are wrapped anew. Beside it, on a sample and in the same run: each quote looked for in the whole
text, by rapidfuzz (`partial_ratio_alignment`) and by difflib (`find_longest_match`).
"""

import difflib
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rapidfuzz import fuzz

from benchmarks.markdown_files import write_folder
from benchmarks.reanchoring_edits import Edited, edited
from benchmarks.spread import spread, told
from benchmarks.workshop import Workshop, say
from rhizome_pipelines.annotations import Anchor, ChunkText, RecoveryMethod, reanchor_document
from rhizome_pipelines.markdown.unit_index import UnitIndex

ROUNDS = 5
HIGHLIGHTS = 1_000
SIZE = 1_000_000
CHUNK = 1_500
SAMPLES = {"rapidfuzz": 20, "difflib": 2}
"""Highlights that are looked for by a scan of the whole text; difflib takes seconds for one."""
DOCUMENT = UUID(int=1)
Span = tuple[int, int]
Scan = Callable[[str, str], Span]


@dataclass
class Kept:
    """An `AnchorStore` that only remembers."""

    moved: dict[UUID, Anchor]

    def anchors(self, document_id: UUID) -> dict[UUID, Anchor | None]:
        return dict(self.moved)

    def move(self, document_id: UUID, moved: Any) -> None:
        self.moved.update(moved)


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"size", "highlights", "ways": {way: {"seconds", "times", "count", "there", …}}}`."""
    size, count = (100_000, 50) if workshop.quick else (SIZE, HIGHLIGHTS)
    with workshop.folder("reanchoring") as folder:
        write_folder(folder, 10, size)
        text = "\n\n".join(p.read_text(encoding="utf-8") for p in sorted(folder.iterdir()))
    spans = highlights(text, count)
    change = edited(text, random.Random(2))
    rounds: dict[str, list[float]] = {"known": [], "gone": [], **{name: [] for name in SAMPLES}}
    outcomes: dict[str, Any] = {}
    scans: dict[str, Scan] = {"rapidfuzz": _rapidfuzz, "difflib": _difflib}
    for number in range(workshop.repetitions(ROUNDS)):
        say(f"reanchoring: round {number + 1}")
        for way in ("known", "gone"):
            seconds, found = _ours(text, change.text, spans, old_known=way == "known")
            rounds[way].append(seconds / count)
            outcomes[way] = judged(spans, found, change)
        for name, scan in scans.items():
            sample = spans[:: max(1, count // SAMPLES[name])]
            began = time.perf_counter()
            places = [scan(text[slice(*span)], change.text) for span in sample]
            rounds[name].append((time.perf_counter() - began) / len(sample))
            outcomes[name] = judged(sample, [(place, True) for place in places], change)
    return {
        "size": len(text),
        "highlights": count,
        "ways": {
            name: {
                "seconds": spread(taken),
                "times": spread(
                    [one / other for one, other in zip(taken, rounds["known"], strict=True)]
                ),
                **outcomes[name],
            }
            for name, taken in rounds.items()
        },
    }


def highlights(text: str, count: int) -> list[Span]:
    """Spans of 4 to 60 words, spread over the text, the same every time."""
    choice = random.Random(1)
    spans = []
    while len(spans) < count:
        begin = text.find(" ", choice.randrange(len(text) - 1_000)) + 1
        words = text[begin : begin + 900].split(" ")[: choice.randint(4, 60)]
        quote = " ".join(words).rstrip()
        if quote and not quote[0].isspace():
            spans.append((begin, begin + len(quote)))
    return spans


def judged(
    spans: Sequence[Span], found: Sequence[tuple[Span | None, bool]], change: Edited
) -> dict[str, Any]:
    """`{"there", "recall", "wrong", …}`: what was found against what is true.

    Right is a place that shares at least three quarters of its characters with the true one.
    `wrong` were taken without a person's review though they are not right.
    """
    counts: Counter[str] = Counter()
    for span, (place, automatic) in zip(spans, found, strict=True):
        true = change.now(span)
        right = true is not None and place is not None and _shared(place, true) >= 0.75
        counts["there"] += true is not None
        counts["right"] += right
        counts["right_automatic"] += right and automatic
        counts["wrong_automatic"] += place is not None and automatic and not right
        counts["review"] += place is not None and not automatic
        counts["lost"] += place is None
        counts["gone_and_told"] += true is None and (place is None or not automatic)
    return {
        "count": len(spans),
        **{
            name: counts[name]
            for name in (
                "there",
                "right",
                "right_automatic",
                "wrong_automatic",
                "review",
                "lost",
                "gone_and_told",
            )
        },
    }


def _ours(
    old: str, new: str, spans: Sequence[Span], *, old_known: bool
) -> tuple[float, list[tuple[Span | None, bool]]]:
    before, after = UnitIndex(old), UnitIndex(new)
    anchors: dict[UUID, Anchor | None] = {
        UUID(int=number): Anchor(
            before.to_units(begin),
            before.to_units(end),
            old[begin:end],
            old[max(0, begin - 50) : begin],
            old[end : end + 50],
        )
        for number, (begin, end) in enumerate(spans)
    }
    store = Kept({entity: anchor for entity, anchor in anchors.items() if anchor})
    old_chunks = _chunks(old, before) if old_known else []
    new_chunks = _chunks(new, after)
    began = time.perf_counter()
    reanchor_document(store, DOCUMENT, anchors, old_chunks, lambda: new, new_chunks)
    seconds = time.perf_counter() - began
    found: list[tuple[Span | None, bool]] = []
    for entity in anchors:
        anchor = store.moved[entity]
        lost = anchor.recovery.method is RecoveryMethod.LOST
        place = after.to_points(anchor.start), after.to_points(anchor.end)
        found.append((None if lost else place, not anchor.recovery.needs_review))
    return seconds, found


def _chunks(text: str, units: UnitIndex) -> list[ChunkText]:
    return [
        ChunkText(
            UUID(int=begin),
            index,
            units.to_units(begin),
            units.to_units(min(begin + CHUNK, len(text))),
            text[begin : begin + CHUNK],
        )
        for index, begin in enumerate(range(0, len(text), CHUNK))
    ]


def _rapidfuzz(quote: str, text: str) -> Span:
    found = fuzz.partial_ratio_alignment(quote, text)
    return (found.dest_start, found.dest_end) if found else (0, 0)


def _difflib(quote: str, text: str) -> Span:
    matcher = difflib.SequenceMatcher(None, text, quote, autojunk=False)
    match = matcher.find_longest_match()
    begin = max(0, match.a - match.b)
    return begin, begin + len(quote)


def _shared(one: Span, other: Span) -> float:
    both = min(one[1], other[1]) - max(one[0], other[0])
    either = max(one[1], other[1]) - min(one[0], other[0])
    return max(0, both) / either if either else 0.0


NAMES = {
    "known": "ours",
    "gone": "ours, nothing known of the old text",
    "rapidfuzz": "`partial_ratio_alignment` of rapidfuzz, whole text",
    "difflib": "`find_longest_match` of difflib, whole text",
}


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    rounds = found["ways"]["known"]["seconds"]["count"]
    lines = [
        f"{found['highlights']:,} highlights in {found['size'] / 1_000_000:.1f} million "
        f"characters; the scans on a few of them. {rounds} rounds in turn, median "
        "(least–most). *Wrong*: placed wrongly, or placed though gone, and not shown to a person.",
        "",
        "| | a highlight | against ours | still there | found | wrong | gone, and told |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for way, name in NAMES.items():
        one = found["ways"][way]
        milliseconds = {key: value * 1_000 for key, value in one["seconds"].items()}
        gone = one["count"] - one["there"]
        lines.append(
            f"| {name} | {told(milliseconds, 2, ' ms')} | {told(one['times'], 1, '×')} "
            f"| {one['there']} of {one['count']} "
            f"| {one['right']} ({one['right'] / one['there']:.1%}) "
            f"| {one['wrong_automatic']} | {one['gone_and_told']} of {gone} |"
        )
    return "\n".join(lines)
