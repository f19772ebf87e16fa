"""The file `annotations.json`."""

import json
from typing import Any
from uuid import UUID

import pytest

from rhizome_pipelines.annotations import (
    StoredAnnotation,
    annotations_document,
    annotations_from,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError

DOCUMENT = UUID(int=1)
POSITION = {"startOffset": 1, "endOffset": 3, "originalText": "a😀", "ofAnotherProgram": [1, None]}
ANNOTATIONS = [
    StoredAnnotation(id=UUID(int=n), components={"Position": POSITION, "Content": {"note": "ש"}})
    for n in (3, 2)
]


def file(**changes: Any) -> dict[str, Any]:
    return {**annotations_document(DOCUMENT, ANNOTATIONS), **changes}


def test_what_is_written_is_read_again_in_one_order() -> None:
    written = json.loads(json.dumps(file()))
    assert (written["version"], written["document_id"]) == ("1.0", str(DOCUMENT))
    assert list(annotations_from(written)) == ANNOTATIONS[::-1]
    assert annotations_document(DOCUMENT, annotations_from(written)) == written


@pytest.mark.parametrize("version", ["2.0", None, 1.0, ["1.0"]])
def test_an_unknown_version_is_refused(version: Any) -> None:
    with pytest.raises(InvalidInputError, match="version"):
        annotations_from(file(version=version))


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        ({"id": "no id", "components": {"Position": {}}}, "annotations.0.id"),
        ({"id": str(DOCUMENT), "components": {}}, "no component Position"),
        ({"id": str(DOCUMENT), "components": {"Position": 7}}, "Position"),
        (
            {
                "id": str(DOCUMENT),
                "components": {"Position": {}},
                "recovery": {"method": "magic", "confidence": 7},
            },
            "recovery.confidence",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(annotation: Any, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        annotations_from(file(annotations=[annotation]))


def test_all_faults_are_told_but_not_thousands() -> None:
    with pytest.raises(InvalidInputError, match="and 90 more faults") as refusal:
        annotations_from(file(annotations=[{"id": n} for n in range(50)]))
    assert len(refusal.value.message) < 5_000


def test_the_same_annotation_twice_is_refused() -> None:
    twice = [*file()["annotations"], file()["annotations"][0]]
    with pytest.raises(InvalidInputError, match="same id"):
        annotations_from(file(annotations=twice))
