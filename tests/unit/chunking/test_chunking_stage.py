"""The stage: units, parts, and the file that they become."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from rhizome_pipelines.chunking import (
    ChunkingConfig,
    ChunkingStage,
    Strategy,
    read_chunks,
)
from rhizome_pipelines.language_model import ChatEndpoint
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import StageOutput

DOCUMENT = UUID("11111111-2222-3333-4444-555555555555")
CREATED = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
PARAGRAPH = (
    "The naturalist 🐦 watched the birds of the island, and wrote about their evolution. "
    "Each species had adapted its beak to the food that the habitat offered.\n\n"
)
BOOK = "".join(f"## Chapter {n}\n\n{PARAGRAPH * 6}" for n in range(1, 301))
COLUMNS = {
    *("content", "chunk_index", "start_offset", "end_offset", "themes", "importance_score"),
    *("summary", "word_count", "token_count", "emotional_metadata", "conceptual_metadata"),
    *("domain_metadata", "metadata_extracted_at", "page_start", "page_end", "heading_level"),
    *("heading_path", "section_marker", "bboxes", "position_confidence", "position_method"),
    *("position_validated", "chunker_type", "is_current"),
}


def make_stage(
    folder: Path,
    text: str,
    config: ChunkingConfig | None = None,
    pages: list[tuple[int, int]] | None = None,
) -> ChunkingStage:
    path = folder / "content.md"
    path.write_text(text, encoding="utf-8", newline="")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ChunkingStage(DOCUMENT, CREATED, path, digest, pages or [], config or ChunkingConfig())


def run(stage: ChunkingStage, scratch: Path) -> StageOutput:
    return stage.finish(((u, stage.work(u, lambda _f, _d: None)) for u in stage.units()), scratch)


def records(output: StageOutput) -> list[dict[str, Any]]:
    return list(read_chunks(output.files["chunks.json"]))


def test_units_are_absolute_batches_with_counters(tmp_path: Path) -> None:
    units = make_stage(tmp_path, BOOK).units()
    assert [unit.key for unit in units] == ["chunks-000000-000255", "chunks-000256-000299"]
    assert units[-1].counters == {"chunks_processed": 300, "chunks_total": 300}
    assert sum(unit.weight for unit in units) == 300


def test_records_are_as_the_contract_says(tmp_path: Path) -> None:
    found = records(run(make_stage(tmp_path, BOOK), tmp_path))
    units = BOOK.encode("utf-16-le")
    for index, record in enumerate(found):
        assert set(record) == COLUMNS
        assert record["chunk_index"] == index
        begin, end = record["start_offset"], record["end_offset"]
        assert units[2 * begin : 2 * end].decode("utf-16-le") == record["content"]
    first = found[0]
    assert first["heading_path"] == ["Chapter 1"]
    assert (first["heading_level"], first["section_marker"]) == (2, "chapter-1")
    assert (first["position_confidence"], first["position_validated"]) == ("exact", True)
    assert (first["chunker_type"], first["is_current"], first["bboxes"]) == ("hybrid", True, None)
    assert (first["page_start"], first["page_end"]) == (None, None)
    assert first["word_count"] == len(first["content"].split())
    assert first["token_count"] > first["word_count"]
    assert first["metadata_extracted_at"] == CREATED.isoformat()


def test_the_file_has_the_envelope_and_one_chunk_a_line(tmp_path: Path) -> None:
    output = run(make_stage(tmp_path, BOOK), tmp_path)
    text = output.files["chunks.json"].read_text()
    envelope = json.loads(text)
    assert len(envelope.pop("chunks")) == 300
    assert envelope == {
        "version": "1.0",
        "document_id": str(DOCUMENT),
        "processing_mode": "local",
        "created_at": CREATED.isoformat(),
    }
    assert len(text.splitlines()) == 302


def test_facts_tell_about_the_whole(tmp_path: Path) -> None:
    facts = run(make_stage(tmp_path, BOOK), tmp_path).facts
    assert facts["chunk_count"] == 300
    assert facts["enrichment"] == "heuristic"
    assert facts["model"] is None
    sizes = facts["chunk_characters"]
    assert 0 < sizes["min"] <= sizes["median"] <= sizes["max"] <= 2_000
    assert facts["domains"] == {"biology": 300}
    assert len(facts["examples"]) == 3
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("strategy", list(Strategy))
def test_the_same_text_gives_the_same_bytes(tmp_path: Path, strategy: Strategy) -> None:
    config = ChunkingConfig(strategy=strategy)
    results = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        output = run(make_stage(folder, BOOK, config), folder)
        results.append(output.files["chunks.json"].read_bytes())
    assert results[0] == results[1]
    assert json.loads(results[0])["chunks"][0]["chunker_type"] == strategy.value


def test_the_order_of_sets_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "content.md"
    path.write_text(BOOK, encoding="utf-8")
    program = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path;"
        "from uuid import UUID; from rhizome_pipelines.chunking import *;"
        "stage = ChunkingStage(UUID(int=1), datetime(2025, 1, 1, tzinfo=UTC), Path(sys.argv[1]),"
        " '', [], ChunkingConfig());"
        "sys.stdout.buffer.write(stage.work(stage.units()[0], lambda f, d: None))"
    )
    results = {
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    [result] = results
    assert result.count(b"\n") == 256


def test_offsets_stay_exact_in_thirty_megabytes(tmp_path: Path) -> None:
    text = "".join(f"### Part {n} 😀\n\n{PARAGRAPH * 7}" for n in range(27_000))
    work = make_stage(tmp_path, text, ChunkingConfig(enrich=False))
    size = len(text.encode())
    assert size > 30_000_000
    last = work.units()[-1]
    record = json.loads(work.work(last, lambda _f, _d: None).splitlines()[-1])
    assert record["end_offset"] == len(text.rstrip().encode("utf-16-le")) // 2
    assert text.rstrip().endswith(record["content"])
    assert record["heading_path"] == ["Part 26999 😀"]


def test_a_unit_done_alone_is_the_same_as_in_a_row(tmp_path: Path) -> None:
    whole = make_stage(tmp_path, BOOK)
    in_a_row = [whole.work(unit, lambda _f, _d: None) for unit in whole.units()]
    resumed = make_stage(tmp_path, BOOK)
    assert resumed.work(resumed.units()[1], lambda _f, _d: None) == in_a_row[1]


def test_without_enrichment_nothing_is_said(tmp_path: Path) -> None:
    output = run(make_stage(tmp_path, BOOK, ChunkingConfig(enrich=False)), tmp_path)
    record = records(output)[0]
    assert record["themes"] == []
    assert output.facts["enrichment"] == "none"
    for name in ("summary", "importance_score", "metadata_extracted_at"):
        assert record[name] is None
    for kind in ("emotional", "conceptual", "domain"):
        assert record[f"{kind}_metadata"] is None


def test_pages_are_those_of_the_first_and_last_character(tmp_path: Path) -> None:
    text = "".join(f"## Part {n}\n\n{PARAGRAPH * 5}" for n in range(4))
    size = len(text) // 4
    pages = [(1, 0), (2, size - 1), (3, size + 10), (4, 2 * size), (9, 3 * size)]
    found = records(run(make_stage(tmp_path, text, pages=pages), tmp_path))
    ranges = [(record["page_start"], record["page_end"]) for record in found]
    assert ranges == [(1, 1), (2, 3), (4, 4), (9, 9)]


def test_a_text_before_the_first_page_counts_to_it(tmp_path: Path) -> None:
    [record] = records(run(make_stage(tmp_path, PARAGRAPH, pages=[(1, 50)]), tmp_path))
    assert (record["page_start"], record["page_end"]) == (1, 1)


@pytest.mark.parametrize("text", ["", " \n\n\t", "\ufeff"])
def test_a_document_without_text_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError, match="no text"):
        make_stage(tmp_path, text).units()


def test_dependencies_name_what_matters_and_never_a_key(tmp_path: Path) -> None:
    chat = ChatEndpoint("https://models.example/v1", "small-1", api_key="sk-secret")
    plain = make_stage(tmp_path, BOOK).dependencies()
    asked = make_stage(tmp_path, BOOK, ChunkingConfig(chat=chat)).dependencies()
    paged = make_stage(tmp_path, BOOK, pages=[(1, 0)]).dependencies()
    assert asked["chat_url"] == "https://models.example/v1"
    assert asked["chat_model"] == "small-1"
    assert plain != asked
    assert plain["pages"] != paged["pages"]
    assert "sk-secret" not in f"{asked}{chat!r}{ChunkingConfig(chat=chat)!r}"


def test_one_moment_has_one_spelling(tmp_path: Path) -> None:
    path = tmp_path / "content.md"
    path.write_text(PARAGRAPH, encoding="utf-8")
    elsewhere = CREATED.astimezone(timezone(timedelta(hours=9)))
    stages = [
        ChunkingStage(DOCUMENT, created, path, "0" * 64, [], ChunkingConfig())
        for created in (CREATED, elsewhere, CREATED.replace(tzinfo=None))
    ]
    assert len({stage.dependencies()["created_at"] for stage in stages}) == 1
    assert len({run(stage, tmp_path).files["chunks.json"].read_bytes() for stage in stages}) == 1


def test_an_unused_endpoint_is_no_dependency(tmp_path: Path) -> None:
    chat = ChatEndpoint("https://models.example/v1", "small-1")
    quiet = ChunkingConfig(enrich=False, chat=chat)
    unset = ChunkingConfig(enrich=False)
    assert (
        make_stage(tmp_path, BOOK, quiet).dependencies()
        == make_stage(tmp_path, BOOK, unset).dependencies()
    )


@pytest.mark.parametrize(
    "content",
    [
        b'{"version":"2.0","chunks":[]}',
        b'{"chunks":[{"content":"a"}]}',
        b'{"version":1.0,"chunks":[]}',
        b"[]",
        b"",
        b'{"chunks": [',
    ],
)
def test_another_version_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chunks.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"version|no valid JSON"):
        list(read_chunks(path))


@pytest.mark.parametrize(
    "content",
    [
        b'{"version":"1.0","chunks":[{"content":"a"},',
        b'{"version":"1.0","chunks":[{"content":"\xff"}]}',
        b'{"version":"1.0","chunks":[1]}',
    ],
)
def test_a_damaged_file_is_refused_where_it_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chunks.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"chunks\.json"):
        list(read_chunks(path))


def test_the_version_may_stand_behind_the_chunks(tmp_path: Path) -> None:
    path = tmp_path / "chunks.json"
    path.write_bytes(b'{"chunks":[{"content":"a","importance_score":0.5}],"version":"1.0"}')
    assert list(read_chunks(path)) == [{"content": "a", "importance_score": 0.5}]
