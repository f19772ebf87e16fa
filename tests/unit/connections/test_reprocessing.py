"""What each mode keeps, and how its changes are counted."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.connections.ports import ConnectionType, JudgedConnection, Judgement
from rhizome_pipelines.connections.reprocessing import (
    ReprocessMode,
    ReprocessWish,
    changes,
    given_up,
    needs_backup,
    preserved,
    reprocess_output,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError


def one(number: int, validated: bool | None, starred: bool, auto: bool = True) -> JudgedConnection:
    return JudgedConnection(Judgement(UUID(int=number), validated, starred), auto, {})


VALIDATED = one(1, True, False)
REJECTED = one(2, False, False)
STARRED = one(3, None, True)
REJECTED_AND_STARRED = one(4, False, True)
DRAWN = one(5, True, True, auto=False)
EVERY = [VALIDATED, REJECTED, STARRED, REJECTED_AND_STARRED, DRAWN]


@pytest.mark.parametrize(
    ("wish", "gone"),
    [
        (ReprocessWish(mode=ReprocessMode.ALL), [1, 2, 3, 4]),
        (ReprocessWish(), []),
        (ReprocessWish(preserveValidated=False), [1, 3]),
        (ReprocessWish(mode=ReprocessMode.ADD_NEW), []),
        (ReprocessWish(mode=ReprocessMode.ADD_NEW, preserveValidated=False), []),
    ],
)
def test_what_a_mode_gives_up(wish: ReprocessWish, gone: list[int]) -> None:
    discard = given_up(wish, EVERY)
    assert [judgement.connection.int for judgement in discard] == gone
    kept = {1, 3, 4, 5} - set(gone)
    assert preserved(EVERY, discard) == len(kept)
    if gone:
        assert needs_backup(wish.model_copy(update={"backupFirst": False}), discard)


@pytest.mark.parametrize(
    ("mode", "first", "backup"),
    [
        ("all", False, True),
        ("smart", True, True),
        ("smart", False, False),
        ("add_new", True, False),
    ],
)
def test_when_a_backup_is_made(mode: str, first: bool, backup: bool) -> None:
    assert needs_backup(ReprocessWish(mode=ReprocessMode(mode), backupFirst=first), []) is backup


IDS = st.dictionaries(
    st.sampled_from(ConnectionType), st.lists(st.integers(0, 9), unique=True), max_size=3
)


@given(IDS, IDS)
def test_counts_add_up(before: Any, after: Any) -> None:
    for counts in changes(before, after).values():
        assert counts["before"] + counts["created"] - counts["deleted"] == counts["after"]


def test_a_wish_is_read_as_clients_write_it() -> None:
    wish = ReprocessWish.read(
        {"mode": "add_new", "preserveValidated": None, "backupFirst": False, "engines": ["x"]}
    )
    assert wish == ReprocessWish(mode=ReprocessMode.ADD_NEW, backupFirst=False)
    assert ReprocessWish.read({}) == ReprocessWish(mode=ReprocessMode.SMART)


@pytest.mark.parametrize(
    ("given", "named"),
    [({"mode": "everything"}, "mode"), ({"mode": 1}, "mode"), ({"backupFirst": "yes"}, "backupF")],
)
def test_a_wish_that_cannot_be_met_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        ReprocessWish.read(given)


def test_the_output_is_the_contracts() -> None:
    facts = {
        "mode": "smart",
        "changes": {
            "semantic_similarity": {"before": 4, "after": 5, "deleted": 1, "created": 2},
            "thematic_bridge": {"before": 0, "after": 3, "deleted": 0, "created": 3},
        },
        "validated_preserved": 2,
        "backup_path": "u/d/validated-connections-20250101T000000000000Z.json",
    }
    assert reprocess_output(facts, 1_234) == {
        "success": True,
        "mode": "smart",
        "engines": ["semantic_similarity", "thematic_bridge"],
        "connectionsBefore": 4,
        "connectionsAfter": 8,
        "connectionsDeleted": 1,
        "connectionsCreated": 5,
        "byEngine": facts["changes"],
        "validatedPreserved": 2,
        "backupCreated": True,
        "backupPath": facts["backup_path"],
        "processingTimeMs": 1_234,
    }
