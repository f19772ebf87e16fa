"""The components of an annotation as values. Clients write them: nothing in them is certain."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from rhizome_pipelines.annotations import Anchor, Pointer, Recovery, RecoveryMethod
from rhizome_pipelines.annotations.model import POSITION

_MOST = 2**31 - 1
Row = Mapping[str, Any]


def anchor_from(row: Row) -> Anchor | None:
    """Where an annotation stands; None without a text to look for.

    `row` has the Position's data as `position`, its columns, and the ChunkRef as `chunk_ref`.
    """
    data = _object(row.get("position"))
    quote = data.get("originalText")
    if not isinstance(quote, str) or not quote:
        return None
    context = _object(data.get("textContext"))
    start = _offset(data.get("startOffset"))
    return Anchor(
        start=start,
        end=max(start, _offset(data.get("endOffset"))),
        quote=quote,
        before=_text(context.get("before")),
        after=_text(context.get("after")),
        pointer=_pointer(row, data),
        recovery=_recovery(row),
    )


def _recovery(row: Row) -> Recovery:
    method = row.get("recovery_method")
    return Recovery(
        RecoveryMethod(method) if method else None,
        row.get("recovery_confidence"),
        bool(row.get("needs_review")),
    )


def component_data(name: str, anchor: Anchor) -> dict[str, Any]:
    """What re-anchoring says anew in the `data` of a Position or a ChunkRef; the rest stays."""
    chunk_ids = [str(identifier) for identifier in anchor.pointer.chunk_ids]
    if name != POSITION:
        first = chunk_ids[0] if chunk_ids else None
        return {"chunkId": first, "chunk_id": first, "chunkIds": chunk_ids}
    return {
        "startOffset": anchor.start,
        "endOffset": anchor.end,
        "textContext": {"before": anchor.before, "after": anchor.after},
        "originalChunkIndex": anchor.pointer.index,
    }


def _pointer(row: Row, position: Row) -> Pointer:
    reference = _object(row.get("chunk_ref"))
    for found in (
        row.get("chunk_ids"),
        reference.get("chunkIds"),
        [row.get("chunk_id") or reference.get("chunkId") or reference.get("chunk_id")],
    ):
        if isinstance(found, list) and (chunk_ids := tuple(_ids(found))):
            break
    else:
        chunk_ids = ()
    index = row.get("original_chunk_index")
    return Pointer(chunk_ids, index if index is not None else _index(position))


def _index(position: Row) -> int | None:
    index = position.get("originalChunkIndex")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _ids(values: Iterable[Any]) -> Iterable[UUID]:
    for value in values:
        try:
            yield value if isinstance(value, UUID) else UUID(str(value))
        except ValueError:
            continue


def _object(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _offset(value: Any) -> int:
    number = isinstance(value, int) and not isinstance(value, bool)
    return min(max(value, 0), _MOST) if number else 0
