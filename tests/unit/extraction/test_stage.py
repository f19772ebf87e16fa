"""The stage: parts to `content.md` and `metadata.json`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from uuid import UUID

import pytest

from rhizome_pipelines.extraction.extractor import Extracted, PageStart, Source
from rhizome_pipelines.extraction.metadata import read_metadata
from rhizome_pipelines.extraction.registry import ExtractorRegistry, default_registry
from rhizome_pipelines.extraction.stage import ExtractionStage
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import Pulse, StageOutput, Unit

DOCUMENT = UUID("00000000-0000-4000-8000-000000000001")
USER = UUID("00000000-0000-4000-8000-000000000002")
CREATED = datetime(2026, 1, 2, tzinfo=UTC)
PROCESSED = datetime(2026, 1, 3, tzinfo=UTC)


def stage_of(
    source: Source, registry: ExtractorRegistry, title: str | None = None
) -> ExtractionStage:
    document = Document(
        id=DOCUMENT,
        user_id=USER,
        title=title,
        author=None,
        source_type=source.source_type,
        storage_path=None,
        source_url=None,
        processing_status="processing",
        created_at=CREATED,
    )
    return ExtractionStage(source, document, registry, PROCESSED)


def run(
    scratch: Path,
    source_type: SourceType,
    data: bytes | None = None,
    text: str | None = None,
    title: str | None = None,
    registry: ExtractorRegistry | None = None,
) -> StageOutput:
    path = None
    if data is not None:
        path = scratch.parent / "source"
        path.write_bytes(data)
    source = Source(DOCUMENT, source_type, path=path, text=text)
    stage = stage_of(source, registry or default_registry(), title)
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


def test_a_saved_page_is_converted_and_nothing_fetched(tmp_path: Path) -> None:
    page = "<title>Rivers</title><body><h1>Rivers</h1><p>They carry stones and stories.</p>"
    output = run(tmp_path / "s", SourceType.WEB_URL, page.encode())
    assert content(output).startswith("# Rivers\n\nThey carry stones")
    assert set(output.files) == {"content.md", "metadata.json"}


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "latin-1"])
def test_text_of_other_encodings(tmp_path: Path, codec: str) -> None:
    output = run(tmp_path / "s", SourceType.TXT, "Größe der Flüsse\r\n".encode(codec))
    assert content(output) == "Größe der Flüsse\n"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    source = Source(DOCUMENT, SourceType.TXT, path=tmp_path / "none")
    with pytest.raises(InvalidInputError, match="file is missing"):
        default_registry().extractor(SourceType.TXT).units(source)


class PagedExtractor:
    """Two pages, with what `content.md` must not have before the second."""

    version = "1"

    def dependencies(self) -> Mapping[str, str]:
        return {"pages": "2"}

    def units(self, source: Source) -> Sequence[Unit]:
        return [Unit("page-1", "page 1"), Unit("page-2", "page 2")]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        return f"# On {unit.label} 🌊\r\n\n\n\n\n\x00".encode()

    def assemble(
        self, source: Source, parts: Iterable[tuple[Unit, bytes]], content: TextIO, scratch: Path
    ) -> Extracted:
        starts = []
        written = 0
        for number, (_, part) in enumerate(parts, 1):
            starts.append(PageStart(number, written))
            written += content.write(part.decode())
        return Extracted(None, None, 2, pages=starts, language="en")


def test_pages_are_where_the_text_went(tmp_path: Path) -> None:
    registry = default_registry().replacing(SourceType.TXT, PagedExtractor)
    output = run(tmp_path / "s", SourceType.TXT, b"x", registry=registry)
    text = content(output)
    facts = read_metadata(output.files["metadata.json"])
    assert text == "# On page 1 🌊\n\n\n# On page 2 🌊\n"
    assert [(page.page, page.offset, page.utf16_offset) for page in facts.pages] == [
        (1, 0, 0),
        (2, text.index("# On page 2"), text.index("# On page 2") + 1),
    ]
    assert [(entry.title, entry.page) for entry in facts.outline] == [
        ("On page 1 🌊", 1),
        ("On page 2 🌊", 2),
    ]


def test_what_the_result_depends_on_is_told(tmp_path: Path) -> None:
    def dependencies(text: str) -> Mapping[str, str]:
        source = Source(DOCUMENT, SourceType.PASTE, text=text)
        return stage_of(source, default_registry()).dependencies()

    assert dependencies("a") == dependencies("a")
    assert dependencies("a")["source_sha256"] != dependencies("b")["source_sha256"]
    assert all(isinstance(value, str) for value in dependencies("a").values())


def test_unsupported_types_are_told_with_what_is_supported(tmp_path: Path) -> None:
    registry = ExtractorRegistry({SourceType.PASTE: lambda: pytest.fail("not made")})
    with pytest.raises(InvalidInputError, match="supported are paste"):
        registry.extractor(SourceType.PDF)
