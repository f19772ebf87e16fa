"""Connections made anew, or only added to: what a client may ask for, and what it means.

| mode | what stays | what is looked for |
|---|---|---|
| `all` | what a person drew by hand; the rest goes, after a backup | everything |
| `smart` | and what a person validated, starred or rejected | everything else |
| `add_new` | everything | documents newer than the newest connection |

Pure: no input or output.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, assert_never

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError

from rhizome_pipelines.connections.ports import ConnectionType, JudgedConnection, Judgement
from rhizome_pipelines.lifecycle.errors import InvalidInputError


class ReprocessMode(StrEnum):
    """`input_data.mode` of a reprocess job."""

    ALL = "all"
    SMART = "smart"
    ADD_NEW = "add_new"


class ReprocessWish(BaseModel):
    """What a client asks for; the engines are read by `chosen`.

    `preserveValidated` False lets `smart` make anew what was validated or starred; rejections
    stay all the same. `backupFirst` False saves the backup where nothing judged is given up.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    mode: ReprocessMode = ReprocessMode.SMART
    preserveValidated: StrictBool = True  # noqa: N815 - as clients write it
    backupFirst: StrictBool = True  # noqa: N815

    @classmethod
    def read(cls, input_data: Mapping[str, Any]) -> "ReprocessWish":
        """From a job's input; null is as good as left out. Raises InvalidInputError."""
        given = {name: value for name, value in input_data.items() if value is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as fault:
            names = ", ".join(sorted({str(error["loc"][0]) for error in fault.errors()}))
            raise InvalidInputError(
                f"The wish to reprocess connections cannot be used ({names}): mode is one of "
                f"{', '.join(ReprocessMode)}; preserveValidated and backupFirst are true or false."
            ) from None


def given_up(wish: ReprocessWish, judged: Sequence[JudgedConnection]) -> Sequence[Judgement]:
    """The judgements that no longer count; connections drawn by hand are never among them."""
    match wish.mode:
        case ReprocessMode.ALL:
            return [one.judgement for one in judged if one.auto_detected]
        case ReprocessMode.SMART:
            return [
                one.judgement
                for one in judged
                if one.auto_detected
                and not wish.preserveValidated
                and one.judgement.validated is not False
            ]
        case ReprocessMode.ADD_NEW:
            return []
        case _:
            assert_never(wish.mode)


def needs_backup(wish: ReprocessWish, discard: Sequence[Judgement]) -> bool:
    """Whether judgements are written down first: always where one of them is given up."""
    if wish.mode is ReprocessMode.ADD_NEW:
        return False
    return wish.backupFirst or bool(discard) or wish.mode is ReprocessMode.ALL


def preserved(judged: Sequence[JudgedConnection], discard: Sequence[Judgement]) -> int:
    """How many validated or starred connections stay as they are."""
    gone = {judgement.connection for judgement in discard}
    return sum(
        one.judgement.connection not in gone and (one.judgement.validated or one.judgement.starred)
        for one in judged
    )


def changes(
    before: Mapping[ConnectionType, Sequence[Any]], after: Mapping[ConnectionType, Sequence[Any]]
) -> Mapping[ConnectionType, Mapping[str, int]]:
    """Counts of each type; before + created − deleted = after. Kept rows have kept their id."""
    found = {}
    for kind in sorted(before.keys() | after.keys()):
        old, new = set(before.get(kind, ())), set(after.get(kind, ()))
        found[kind] = {
            "before": len(old),
            "after": len(new),
            "deleted": len(old - new),
            "created": len(new - old),
        }
    return found


def reprocess_output(facts: Mapping[str, Any], milliseconds: int) -> dict[str, Any]:
    """`output_data` of the job, from the facts of the stage `detection`."""
    by_engine: Mapping[str, Mapping[str, int]] = facts["changes"]

    def total(name: str) -> int:
        return sum(counts[name] for counts in by_engine.values())

    return {
        "success": True,
        "mode": facts["mode"],
        "engines": sorted(by_engine),
        "connectionsBefore": total("before"),
        "connectionsAfter": total("after"),
        "connectionsDeleted": total("deleted"),
        "connectionsCreated": total("created"),
        "byEngine": {name: dict(counts) for name, counts in by_engine.items()},
        "validatedPreserved": facts["validated_preserved"],
        "backupCreated": facts["backup_path"] is not None,
        "backupPath": facts["backup_path"],
        "processingTimeMs": milliseconds,
    }
