from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rhizome_pipelines.checkpoints.keys import (
    CheckpointName,
    DocumentKeys,
    InvalidKeyError,
    export_key,
    parse_checkpoint_name,
    stage_of,
    validated_key,
)

USER = UUID("00000000-0000-4000-8000-000000000001")
DOCUMENT = UUID("00000000-0000-4000-8000-000000000002")
KEYS = DocumentKeys(USER, DOCUMENT)
FOLDER = f"{USER}/{DOCUMENT}"


def test_the_keys_of_the_contract() -> None:
    assert KEYS.prefix == f"{FOLDER}/"
    assert KEYS.source("pdf") == f"{FOLDER}/source.pdf"
    assert KEYS.content == f"{FOLDER}/content.md"
    assert KEYS.chunks == f"{FOLDER}/chunks.json"
    assert KEYS.metadata == f"{FOLDER}/metadata.json"
    assert KEYS.manifest == f"{FOLDER}/manifest.json"
    assert KEYS.embeddings == f"{FOLDER}/embeddings.parquet"
    assert KEYS.file("cached_chunks.json") == f"{FOLDER}/cached_chunks.json"
    assert KEYS.file("validated-connections-2026-01-02T03-04-05Z.json").startswith(FOLDER)
    assert KEYS.stage("extraction") == f"{FOLDER}/stage-extraction.json"
    assert (
        KEYS.part("extraction", "pages-000001-000016")
        == f"{FOLDER}/stage-extraction.part.pages-000001-000016.ckpt"
    )
    assert export_key(USER, "rhizome-2026-01-02") == f"{USER}/exports/rhizome-2026-01-02.zip"


def test_the_stage_is_read_off_the_key() -> None:
    assert stage_of(KEYS.stage("chunking")) == "chunking"
    assert stage_of(KEYS.part("chunking", "batch-1")) == "chunking"
    assert parse_checkpoint_name(KEYS.stage("a-b_c")) == CheckpointName("a-b_c", None)
    assert parse_checkpoint_name(KEYS.part("a-b_c", "u-1")) == CheckpointName("a-b_c", "u-1")
    bulk = KEYS.bulk("chunking", "batch-1")
    assert stage_of(bulk) == "chunking"
    assert parse_checkpoint_name(bulk) == CheckpointName("chunking", "batch-1", bulk=True)
    for other in (KEYS.content, KEYS.manifest, "stage-.json", "stage-x.json.bak", "xstage-a.json"):
        assert stage_of(other) is None


@pytest.mark.parametrize("name", ["stage-extraction.json", "stage-x.part.u.ckpt", "manifest/../x"])
def test_a_final_file_cannot_take_a_checkpoints_name(name: str) -> None:
    with pytest.raises(InvalidKeyError):
        KEYS.file(name)


def test_ids_are_uuids() -> None:
    with pytest.raises(TypeError):
        _ = DocumentKeys("../other", DOCUMENT).prefix  # type: ignore[arg-type]  # is the test
    with pytest.raises(TypeError):
        export_key("..", "name")  # type: ignore[arg-type]  # is the test


hostile = st.one_of(
    st.text(),
    st.text(alphabet="./\\\x00ab-_:%\n "),
    st.sampled_from(["..", "../..", "a/../b", "/etc", "a..b", "a\n", ".hidden", "stage-a.json"]),
)


@given(hostile)
@example("content.md\n")
@example("..")
@example("0.")
def test_no_name_leads_out_of_the_users_prefix(name: str) -> None:
    for make, folder in (
        (KEYS.file, KEYS.prefix),
        (KEYS.source, KEYS.prefix),
        (KEYS.stage, KEYS.prefix),
        (lambda text: KEYS.part(text, "u"), KEYS.prefix),
        (lambda text: KEYS.part("s", text), KEYS.prefix),
        (lambda text: export_key(USER, text), f"{USER}/exports/"),
    ):
        try:
            key = make(name)
        except InvalidKeyError:
            continue
        assert validated_key(key) == key
        assert key.startswith(folder)
        assert "/" not in key.removeprefix(folder)
        assert ".." not in key


@given(
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,127}", fullmatch=True),
)
def test_every_checkpoint_name_is_read_back(stage: str, unit: str) -> None:
    assert parse_checkpoint_name(KEYS.stage(stage)) == CheckpointName(stage, None)
    assert parse_checkpoint_name(KEYS.part(stage, unit)) == CheckpointName(stage, unit)
    assert KEYS.part(stage, unit).startswith(KEYS.parts_prefix(stage))
