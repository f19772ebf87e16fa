"""Units that are runs of a document's chunks, counted from 0: the same in every stage."""

from collections.abc import Mapping, Sequence

from rhizome_pipelines.stages.stage import Unit


def chunk_batches(total: int, size: int, counted: str) -> Sequence[Unit]:
    """Cut `total` chunks into absolute runs of `size`: `chunks-000000-000255`, and so on.

    `counted` is the stage's own name for the number of chunks that it is done with. Counters of
    all stages stand side by side in a job's progress: one name for two would seem to fall.
    """
    ends = ((first, min(first + size, total)) for first in range(0, total, size))
    return [_batch(first, end, {counted: end, "chunks_total": total}) for first, end in ends]


def chunk_range(unit: Unit) -> range:
    """The indexes of a batch's chunks."""
    first, last = (int(number) for number in unit.key.split("-")[1:])
    return range(first, last + 1)


def _batch(first: int, end: int, counters: Mapping[str, int]) -> Unit:
    return Unit(
        key=f"chunks-{first:06}-{end - 1:06}",
        label=f"chunks {first + 1}–{end}",
        weight=float(end - first),
        counters=counters,
    )
