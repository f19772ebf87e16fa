"""The chunks that a job is about, where it is not about its whole document."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rhizome_pipelines.connections.selection import Selection
from rhizome_pipelines.database.chunks import current_chunks
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError

MOST = 10_000
_SHOWN = 5


def selected_chunks(
    services: Services, document: Document, input_data: Mapping[str, Any]
) -> Selection | None:
    """`input_data.chunk_ids` of a detect job; None if it names none.

    Raises InvalidInputError for what is no list of ids, and for chunks that are not among the
    document's current ones.
    """
    named = input_data.get("chunk_ids")
    if named is None:
        return None
    wanted = _ids(named)
    missing = wanted - current_chunks(services.database, document.user_id, document.id, wanted)
    if missing:
        shown = ", ".join(str(one) for one in sorted(missing)[:_SHOWN])
        raise InvalidInputError(
            f"{len(missing):,} of the chunks in input_data.chunk_ids are no current chunks of "
            f"document {document.id}: {shown}{' …' if len(missing) > _SHOWN else ''}."
        )
    return Selection(wanted)


def _ids(named: Any) -> frozenset[UUID]:
    try:
        found = frozenset(UUID(one) for one in named) if isinstance(named, list) else frozenset()
    except (ValueError, TypeError, AttributeError):
        found = frozenset()
    if not 0 < len(found) <= MOST:
        raise InvalidInputError(
            f"input_data.chunk_ids must be a list of 1–{MOST:,} ids of chunks, or be left out."
        )
    return found
