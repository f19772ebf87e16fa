"""Where a document's annotations stand when its text has changed, in this order of certainty.

    unchanged  the text between the nearest common passages is as it was: moved along with it
    exact      the quote's own words, with the text around them
    context    between the text that stood before and behind
    chunk      similar words in the neighbouring chunks
    trigram    similar words anywhere
    lost       kept as it is, for a person to see

What was marked stays the measure for ever: an annotation that was found by similarity is looked
for by its own words again the next time, so that small errors do not add up.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from rhizome_pipelines.annotations.alignment import Alignment, Bracket
from rhizome_pipelines.annotations.folding import fold
from rhizome_pipelines.annotations.model import (
    AUTOMATIC,
    Anchor,
    AnchorStore,
    ChunkText,
    ReanchorReport,
    Recovery,
    RecoveryMethod,
)
from rhizome_pipelines.annotations.placing import Placement, place
from rhizome_pipelines.annotations.searching import Wanted, literal
from rhizome_pipelines.annotations.text_index import TextIndex, rebuilt

_AROUND = 100
"""Code points of context that are stored where an annotation has none."""
_GROWN = 16
"""The old text is at most so many times as long as the new one, and a million units."""
_LOST = Recovery(RecoveryMethod.LOST, 0.0, needs_review=True)
_BY_LIKENESS = (RecoveryMethod.CONTEXT, RecoveryMethod.CHUNK_BOUNDED, RecoveryMethod.TRIGRAM)


def reanchor_document(
    store: AnchorStore,
    document_id: UUID,
    anchors: Mapping[UUID, Anchor | None],
    old_chunks: Sequence[ChunkText],
    read_text: Callable[[], str],
    new_chunks: Sequence[ChunkText],
) -> ReanchorReport:
    """Move a document's annotations to where they belong in its new text.

    `anchors` as they stood with `old_chunks`, read before those were replaced (`store.anchors`).
    `read_text` gives the new text; it is not called if nothing has changed.
    Writes nothing for an annotation that stands as it did; done again it writes nothing at all.
    Without old chunks only the quotes and their contexts are known: of several equal places
    none is then certain.
    """
    readable = {entity: anchor for entity, anchor in anchors.items() if anchor is not None}
    now = dict(readable)
    if readable and _told(old_chunks) != _told(new_chunks):
        texts = _Texts(old_chunks, read_text(), new_chunks)
        now = {entity: texts.moved(anchor) for entity, anchor in readable.items()}
        changed = {entity: now[entity] for entity in now if now[entity] != readable[entity]}
        if changed:
            store.move(document_id, changed)
    return _report(anchors, readable, now)


class _Texts:
    """The old text and the new one, with what they have in common."""

    def __init__(
        self, old_chunks: Sequence[ChunkText], new_text: str, new_chunks: Sequence[ChunkText]
    ) -> None:
        self._new = TextIndex(new_text, new_chunks)
        old_text = rebuilt(old_chunks, max(1_000_000, _GROWN * len(new_text)))
        self._old = TextIndex(old_text, old_chunks) if old_text else None
        self._alignment = Alignment(self._old.folded, self._new.folded) if self._old else None

    def moved(self, anchor: Anchor) -> Anchor:
        """The annotation as it stands in the new text."""
        old = _OldPlace.of(anchor, self._old) if self._old else None
        bracket = None
        if old is not None and self._alignment is not None:
            bracket = self._alignment.bracket(*old.folded)
            if bracket.unchanged and old.trusted and old.folded[0] < old.folded[1]:
                return self._carried(anchor, old, bracket)
        if bracket is not None:
            expected = bracket.expected
        else:
            expected = self._new.folded.at(self._new.units.to_points(anchor.start))
        around = old.around if old is not None and old.literal else (anchor.before, anchor.after)
        trusted = bracket if old is not None and old.trusted else None
        found = place(self._new, Wanted.of(anchor.quote, around, expected, trusted))
        return replace(anchor, recovery=_LOST) if found is None else self._placed(anchor, found)

    def _carried(self, anchor: Anchor, old: "_OldPlace", bracket: Bracket) -> Anchor:
        """All around is as it was, so what was known of the annotation's place still holds."""
        begin, end = old.folded
        words = anchor.quote if old.literal else old.covered
        found = literal(self._new, words, bracket.expected, bracket.expected + end - begin).raw
        known = anchor.recovery
        if known.method is None:
            known = Recovery(RecoveryMethod.EXACT, 1.0, known.needs_review)
        return self._at(replace(anchor, recovery=known), *found)

    def _placed(self, anchor: Anchor, found: Placement) -> Anchor:
        sure = found.confidence >= AUTOMATIC
        moved = self._at(
            replace(anchor, recovery=Recovery(found.method, found.confidence, not sure)),
            found.begin,
            found.end,
        )
        text = self._new.raw
        if not sure or text[found.begin : found.end] != anchor.quote:
            return moved
        return replace(
            moved,
            before=text[max(0, found.begin - (len(anchor.before) or _AROUND)) : found.begin],
            after=text[found.end : found.end + (len(anchor.after) or _AROUND)],
        )

    def _at(self, anchor: Anchor, begin: int, end: int) -> Anchor:
        start, stop = self._new.units.to_units(begin), self._new.units.to_units(end)
        return replace(anchor, start=start, end=stop, pointer=self._new.chunks.pointer(start, stop))


class _OldPlace:
    """What an annotation covered in the old text.

    `literal`: the quote's own words; `trusted`: those, or what was taken for them before.
    """

    def __init__(self, anchor: Anchor, text: TextIndex, begin: int, end: int) -> None:
        self.folded = text.folded.at(begin), text.folded.at(end)
        self.covered = text.raw[begin:end]
        self.around = text.raw[max(0, begin - _AROUND) : begin], text.raw[end : end + _AROUND]
        method = anchor.recovery.method
        same_words = (
            fold(self.covered) == fold(anchor.quote)
            if fold(anchor.quote)
            else (self.covered == anchor.quote)
        )
        self.literal = method is not RecoveryMethod.LOST and same_words
        self.trusted = self.literal or method in _BY_LIKENESS

    @staticmethod
    def of(anchor: Anchor, text: TextIndex) -> "_OldPlace":
        """Converts the offsets."""
        begin = text.units.to_points(anchor.start)
        return _OldPlace(anchor, text, begin, max(begin, text.units.to_points(anchor.end)))


def _told(chunks: Sequence[ChunkText]) -> list[ChunkText]:
    return sorted(chunks, key=lambda chunk: (chunk.index, chunk.id))


def _report(
    anchors: Mapping[UUID, Anchor | None],
    before: Mapping[UUID, Anchor],
    now: Mapping[UUID, Anchor],
) -> ReanchorReport:
    methods = {
        entity: anchor.recovery.method or RecoveryMethod.EXACT for entity, anchor in now.items()
    }
    return ReanchorReport(
        placed=Counter(methods.values()),
        changed=[entity for entity in now if now[entity] != before[entity]],
        needs_review=[entity for entity, anchor in now.items() if anchor.recovery.needs_review],
        lost=[entity for entity in now if methods[entity] is RecoveryMethod.LOST],
        unreadable=[entity for entity, anchor in anchors.items() if anchor is None],
    )
