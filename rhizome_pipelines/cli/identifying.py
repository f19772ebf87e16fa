"""Jobs and documents by their ids, or by how these begin, as git does with commits."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from rhizome_pipelines.lifecycle.errors import InvalidInputError

if TYPE_CHECKING:
    from rhizome_pipelines.database.connection import Database
    from rhizome_pipelines.deployment.services import Services

SHORTEST_ID = 6
WHOLE_OR_BEGINNING = f"The whole id, or at least its first {SHORTEST_ID} characters."
SHOWN_CHARACTERS = 8
"""Of an id in a table for a person, unless another in the table begins so too."""

_BEGINNING = re.compile(r"[0-9a-f-]+")

Finder = Callable[["Database", str, UUID | None], list[UUID]]


@dataclass(frozen=True)
class Kind:
    """What is identified: what it is called, and how those are found whose ids begin so."""

    word: str
    find: Finder

    def resolve(self, services: "Services", text: str, user: UUID) -> UUID:
        """The one whose id begins so; a whole id is taken as it is. Raises InvalidInputError."""
        try:
            return UUID(text)
        except ValueError:
            pass
        beginning = text.strip().lower()
        if len(beginning) < SHORTEST_ID and _BEGINNING.fullmatch(beginning):
            raise InvalidInputError(
                f"{text[:60]!r} is too short for a {self.word}'s id: at least its first "
                f"{SHORTEST_ID} characters are needed."
            )
        if len(beginning) < SHORTEST_ID or not _BEGINNING.fullmatch(beginning):
            raise InvalidInputError(
                f"{text[:60]!r} is no {self.word}'s id; give the whole id, or at least its first "
                f"{SHORTEST_ID} characters."
            )
        matches = self.find(services.database, beginning, user)
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


def _jobs(database: "Database", beginning: str, user: UUID | None) -> list[UUID]:
    # Late, as below: the help needs no database.
    from rhizome_pipelines.database.wishes import ids_beginning_with  # noqa: PLC0415

    return ids_beginning_with(database, beginning, user)


def _documents(database: "Database", beginning: str, user: UUID | None) -> list[UUID]:
    from rhizome_pipelines.database.overview import documents_beginning_with  # noqa: PLC0415

    return documents_beginning_with(database, beginning, user)


JOB = Kind("job", _jobs)
DOCUMENT = Kind("document", _documents)


def shortened(ids: Collection[UUID]) -> dict[UUID, str]:
    """How each begins, as long as it takes to tell it from the others, and at least so far."""
    length = SHOWN_CHARACTERS
    while len({str(one)[:length] for one in ids}) < len(set(ids)):
        length += 1
    return {one: str(one)[:length] for one in ids}
