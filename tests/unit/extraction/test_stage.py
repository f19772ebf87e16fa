"""The stage: parts to `content.md` and `metadata.json`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from rhizome_pipelines.extraction.extractor import Source
from rhizome_pipelines.extraction.metadata import read_metadata
from rhizome_pipelines.extraction.registry import ExtractorRegistry, default_registry
from rhizome_pipelines.extraction.stage import ExtractionStage
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import StageOutput

DOCUMENT = UUID("00000000-0000-4000-8000-000000000001")
USER = UUID("00000000-0000-4000-8000-000000000002")
CREATED = datetime(2026, 1, 2, tzinfo=UTC)
PROCESSED = datetime(2026, 1, 3, tzinfo=UTC)


def run(
    scratch: Path,
    source_type: SourceType,
    data: bytes | None = None,
    text: str | None = None,
    title: str | None = None,
) -> StageOutput:
    path = None
    if data is not None:
        path = scratch.parent / "source"
        path.write_bytes(data)
    source = Source(DOCUMENT, source_type, path=path, text=text)
    document = Document(
        id=DOCUMENT,
        user_id=USER,
        title=title,
        author=None,
        source_type=source_type,
        storage_path=None,
        source_url=None,
        processing_status="processing",
        created_at=CREATED,
    )
    stage = ExtractionStage(source, document, default_registry(), PROCESSED)
    scratch.mkdir()
    parts = [(unit, stage.work(unit, lambda _fraction, _details: None)) for unit in stage.units()]
    return stage.finish(iter(parts), scratch)


def content(output: StageOutput) -> str:
    return output.files["content.md"].read_bytes().decode()


def test_markdown_is_kept_and_its_front_matter_taken(tmp_path: Path) -> None:
    data = b"---\ntitle: Rivers\nauthor: [Ann, Ben]\nlang: en\n---\n"
    data += "# One 🌊\n\ntext\n\n## Two\n".encode()
    output = run(tmp_path / "s", SourceType.MARKDOWN_ASIS, data)
    assert content(output) == "# One 🌊\n\ntext\n\n## Two\n"
    facts = read_metadata(output.files["metadata.json"])
    assert (facts.title, facts.author, facts.language) == ("Rivers", "Ann, Ben", "en")
    assert [(e.level, e.title, e.offset, e.utf16_offset) for e in facts.outline] == [
        (1, "One 🌊", 0, 0),
        (2, "Two", 15, 16),
    ]
    assert facts.created_at == CREATED
    assert facts.processed_at == PROCESSED


def test_a_persons_title_goes_before_the_sources(tmp_path: Path) -> None:
    output = run(tmp_path / "s", SourceType.MARKDOWN_ASIS, b"---\ntitle: A\n---\ntext", title="B")
    assert output.facts["title"] == "B"
    assert output.facts["source_title"] == "A"


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    def files(name: str) -> Mapping[str, bytes]:
        (tmp_path / name).mkdir()
        output = run(tmp_path / name / "s", SourceType.TXT, b"Some words\r\n\r\n\r\n\r\n\r\nhere")
        return {key: path.read_bytes() for key, path in output.files.items()}

    assert files("a") == files("b")


def test_pasted_text_of_every_line_end(tmp_path: Path) -> None:
    output = run(tmp_path / "s", SourceType.PASTE, text="\n\na\r\nb\rc\x00\n\n\n\n\n\nd\n\n")
    assert content(output) == "a\nb\nc\n\n\nd\n"
    assert output.facts["notes"] == ["NUL characters were dropped."]


@pytest.mark.parametrize("data", [b"", b" \n\n", b"-- --", b"\x00\x00"])
def test_no_text_is_invalid(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        run(tmp_path / "s", SourceType.TXT, data)


def test_unsupported_types_are_told_with_what_is_supported(tmp_path: Path) -> None:
    registry = ExtractorRegistry({SourceType.PASTE: lambda: pytest.fail("not made")})
    with pytest.raises(InvalidInputError, match="supported are paste"):
        registry.extractor(SourceType.PDF)
