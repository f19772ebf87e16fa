"""Units that are runs of a document's chunks, counted from 0: the same in every stage."""

from collections.abc import Sequence

from rhizome_pipelines.stages.stage import Unit


def chunk_batches(total: int, size: int) -> Sequence[Unit]:
    """Cut `total` chunks into absolute runs of `size`: `chunks-000000-000255`, and so on."""
    return [_batch(first, min(first + size, total), total) for first in range(0, total, size)]


def chunk_range(unit: Unit) -> range:
    """The indexes of a batch's chunks."""
    first, last = (int(number) for number in unit.key.split("-")[1:])
    return range(first, last + 1)


def _batch(first: int, end: int, total: int) -> Unit:
    return Unit(
        key=f"chunks-{first:06}-{end - 1:06}",
        label=f"chunks {first + 1}–{end}",
        weight=float(end - first),
        counters={"chunks_processed": end, "chunks_total": total},
    )
