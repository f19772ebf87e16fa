from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint

ONE, OTHER = "a" * 64, "b" * 64
mappings = st.dictionaries(st.text(), st.text())


@given(mappings)
def test_the_order_of_dependencies_does_not_matter(dependencies: dict[str, str]) -> None:
    reverse = dict(reversed(dependencies.items()))
    try:
        expected = Fingerprint("s", "1", dependencies).hex
    except ValueError:
        return  # lone surrogates are no text
    assert Fingerprint("s", "1", reverse).hex == expected
    assert len(expected) == 64


@given(mappings, mappings)
def test_reasons_are_given_exactly_when_something_differs(
    was: dict[str, str], now: dict[str, str]
) -> None:
    reasons = Fingerprint("s", "1", now).reasons_against(Fingerprint("s", "1", was))
    assert len(reasons) == sum(was.get(name) != now.get(name) for name in {*was, *now})


def test_every_difference_is_named() -> None:
    recorded = Fingerprint(
        "chunking",
        "1",
        {"chunk_chars": "1000", "content.md": ONE, "model:tokens": "a", "old": "x", "same": "y"},
    )
    current = Fingerprint(
        "chunking",
        "2",
        {"chunk_chars": "1200", "content.md": OTHER, "model:tokens": "b", "new": "z", "same": "y"},
    )
    assert current.reasons_against(recorded) == (
        "made by code version 1, now 2",
        "setting chunk_chars was 1000, now 1200",
        "input content.md has another hash",
        "model tokens was a, now b",
        "setting new is new, now z",
        "setting old was x, now not set",
    )


def test_each_field_changes_the_hash() -> None:
    prints = [
        Fingerprint("a", "1", {}),
        Fingerprint("b", "1", {}),
        Fingerprint("a", "2", {}),
        Fingerprint("a", "1", {"x": "1"}),
        Fingerprint("a", "1", {"x": "2"}),
        Fingerprint("a", "1", {"y": "1"}),
    ]
    assert len({fingerprint.hex for fingerprint in prints}) == len(prints)
