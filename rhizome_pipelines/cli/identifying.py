"""Jobs and documents by their ids, or by how these begin, as git does with commits."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from rhizome_pipelines.lifecycle.errors import InvalidInputError

if TYPE_CHECKING:
    from rhizome_pipelines.deployment.services import Services

SHORTEST_ID = 6
WHOLE_OR_BEGINNING = f"The whole id, or at least its first {SHORTEST_ID} characters."
SHOWN_CHARACTERS = 8
"""Of an id in a table for a person, unless another in the table begins so too."""

_BEGINNING = re.compile(r"[0-9a-f-]+")


@dataclass(frozen=True)
class Kind:
    """What is identified, by what it is called."""

    word: str

    def resolve(self, services: "Services", text: str, user: UUID) -> UUID:
        """The one whose id begins so; a whole id is taken as it is. Raises InvalidInputError."""
        try:
            return UUID(text)
        except ValueError:
            pass
        beginning = text.strip().lower()
        if not _BEGINNING.fullmatch(beginning):
            raise InvalidInputError(
                f"{text[:60]!r} is no {self.word}'s id; give the whole id, or at least its first "
                f"{SHORTEST_ID} characters."
            )
        if len(beginning) < SHORTEST_ID:
            raise InvalidInputError(
                f"{text[:60]!r} is too short for a {self.word}'s id: at least its first "
                f"{SHORTEST_ID} characters are needed."
            )
        # Late: the help needs no database.
        from rhizome_pipelines.database.overview import ids_beginning_with  # noqa: PLC0415

        matches = ids_beginning_with(services.database, self.word, beginning, user)
        if not matches:
            raise InvalidInputError(
                f"There is no {self.word} {beginning!r} of this user; see `rhizome {self.word}s "
                "list`."
            )
        if len(matches) > 1:
            raise InvalidInputError(
                f"More than one {self.word}'s id begins with {beginning!r}; give more."
            )
        return matches[0]

    def resolved(
        self, services: "Services", ids: Sequence[str], user: UUID
    ) -> tuple[list[UUID], list[str]]:
        """Those that are meant, each once, and a sentence for each id that means none."""
        found: dict[UUID, None] = {}
        unknown = []
        for text in ids:
            try:
                found[self.resolve(services, text, user)] = None
            except InvalidInputError as fault:
                unknown.append(fault.message)
        return [*found], unknown


JOB, DOCUMENT = Kind("job"), Kind("document")


def shortened(ids: Collection[UUID]) -> dict[UUID, str]:
    """How each begins, as long as it takes to tell it from the others, and at least so far."""
    length = SHOWN_CHARACTERS
    while len({str(one)[:length] for one in ids}) < len(set(ids)):
        length += 1
    return {one: str(one)[:length] for one in ids}
