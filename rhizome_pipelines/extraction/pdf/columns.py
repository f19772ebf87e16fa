"""Columns of prose inside of a region that layout analysis took for one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from rhizome_pipelines.extraction.pdf.fonts import MONOSPACED
from rhizome_pipelines.extraction.pdf.items import Item

MIN_LINES = 4
MIN_CHARACTERS = 18
"""Mean length of a line: terms of a list of definitions are shorter than lines of a column."""
MIN_FULL = 0.6
"""Median of the lines' widths by the widest: lines of prose mostly fill their column."""
MAX_CROSSING = 0.2
"""Share of the items that may go across the gutter (a title above both columns)."""
MAX_COLUMNS = 4
MAX_ITEMS = 5_000


def column_groups(items: Sequence[Item], depth: int = MAX_COLUMNS) -> Iterator[list[Item]]:
    """The items in groups in reading order; all in one group where there are no columns."""
    gutter = _gutter(items) if depth > 1 and 2 * MIN_LINES <= len(items) <= MAX_ITEMS else None
    if gutter is None:
        yield list(items)
        return
    crossing = sorted(
        (item for item in items if item.x < gutter < item.right), key=lambda item: item.y
    )
    inside = [item for item in items if not item.x < gutter < item.right]
    for item in crossing:
        above = [other for other in inside if other.y < item.y]
        inside = [other for other in inside if other.y >= item.y]
        yield from _band(above, gutter, depth)
        yield [item]
    yield from _band(inside, gutter, depth)


def _band(items: Sequence[Item], gutter: float, depth: int) -> Iterator[list[Item]]:
    left = [item for item in items if item.right <= gutter]
    right = [item for item in items if item.right > gutter]
    for side in (left, right):
        if side:
            yield from column_groups(side, depth - 1)


def _gutter(items: Sequence[Item]) -> float | None:
    """The x just left of the second column, or None."""
    if sum(1 for item in items if MONOSPACED.search(item.font)) > 0.3 * len(items):
        return None
    edges = Counter(round(item.x) for item in items)
    leftmost = min(edges)
    candidates = [
        edge - 2.0 for edge, count in edges.items() if count >= MIN_LINES and edge > leftmost + 60
    ]
    fitting = [(_crossing(items, x), x) for x in candidates if _parts_prose(items, x)]
    return min(fitting)[1] if fitting else None


def _crossing(items: Sequence[Item], x: float) -> int:
    return sum(1 for item in items if item.x < x < item.right)


def _parts_prose(items: Sequence[Item], x: float) -> bool:
    if _crossing(items, x) > MAX_CROSSING * len(items):
        return False
    left = [item for item in items if item.right <= x]
    right = [item for item in items if item.x >= x]
    return _is_prose(left) and _is_prose(right) and _side_by_side(left, right)


def _is_prose(items: Sequence[Item]) -> bool:
    if len(items) < MIN_LINES or fmean(len(item.text) for item in items) < MIN_CHARACTERS:
        return False
    return median(item.width for item in items) >= MIN_FULL * max(item.width for item in items)


def _side_by_side(left: Sequence[Item], right: Sequence[Item]) -> bool:
    top = max(min(item.y for item in side) for side in (left, right))
    bottom = min(max(item.bottom for item in side) for side in (left, right))
    height = min(max(i.bottom for i in side) - min(i.y for i in side) for side in (left, right))
    return bottom - top > 0.5 * height
