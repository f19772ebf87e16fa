"""Every wish in every state: granted, or refused with a sentence that says what to do."""

from itertools import product

import pytest

from rhizome_pipelines.lifecycle.jobs import JobStatus
from rhizome_pipelines.lifecycle.wishes import ALLOWED, Wish, refusal

# By column: pending, processing, paused, completed, failed, cancelled.
TABLE = {
    Wish.PAUSE: "yes yes no  no  no  no",
    Wish.RESUME: "no  no  yes no  no  no",
    Wish.RESTART: "no  yes yes yes yes yes",
    Wish.RETRY: "no  no  no  no  yes yes",
    Wish.CANCEL: "yes yes yes no  yes no",
    Wish.DELETE: "yes yes yes yes yes yes",
    Wish.FORCE_FAIL: "no  yes no  no  no  no",
}
CASES = [
    (wish, status, granted == "yes")
    for wish, row in TABLE.items()
    for status, granted in zip(JobStatus, row.split(), strict=True)
]


def test_the_table_is_complete() -> None:
    assert {(wish, status) for wish, status, _ in CASES} == set(product(Wish, JobStatus))
    assert set(ALLOWED) == set(Wish)


@pytest.mark.parametrize(("wish", "status", "granted"), CASES)
def test_a_wish_is_granted_or_refused_in_a_sentence(
    wish: Wish, status: JobStatus, granted: bool
) -> None:
    refused = refusal(wish, status, "4711")

    assert (refused is None) is granted
    if refused is not None:
        assert refused.sentence.startswith(f"Job 4711 is {status.value} and cannot be ")
        assert refused.sentence.endswith(".")
        assert "{" not in refused.sentence
