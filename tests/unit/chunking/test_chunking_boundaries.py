"""Chunks in order are the whole text, save whitespace, and each says rightly where it stands."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhizome_pipelines.chunking.boundaries import find_boundaries
from rhizome_pipelines.chunking.config import ChunkingConfig, Strategy
from rhizome_pipelines.chunking.sections import WINDOW, read_sections
from rhizome_pipelines.chunking.tokens import count_tokens
from rhizome_pipelines.lifecycle.errors import InvalidInputError

NASTY = st.sampled_from(
    [
        "# Heading\n",
        "## Sub 😀\n\n",
        "### Deep\n",
        "Title\n=====\n",
        "```python\n# no heading\n```\n",
        "```\nnever closed\n",
        "- item\n  - nested\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "e\u0301o\u0308 ",
        "שלום עולם ",
        "مرحبا\u200f بالعالم. ",
        "漢字かな。",
        "\u2028\u00a0\u3000 ",
        "\x1c\x1f",
        "\r",
        "\n\n\n",
        "---\n",
        "* * *\n",
        "word " * 60,
        "A sentence that ends here. " * 20,
        "x" * 700,
        "<!--\n",
        "> quote\n",
        "\ufeff",
        "    indented\n",
    ]
)
TEXTS = st.lists(st.one_of(NASTY, st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
SIZES = {"target_characters": 200, "max_characters": 320, "target_tokens": 40}


def configured(strategy: Strategy) -> ChunkingConfig:
    return ChunkingConfig(strategy=strategy, **SIZES)


def chunks_of(text: str, config: ChunkingConfig) -> list[tuple[str, list[str]]]:
    """Each chunk's content, by its UTF-16 offsets, and its heading path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content.md"
        path.write_text(text, encoding="utf-8", newline="")
        found = find_boundaries(path, config)
        data = path.read_bytes()
    # JavaScript's decoders drop a byte order mark too.
    units = data.decode("utf-8-sig").encode("utf-16-le")
    result, covered = [], 0
    for index in range(len(found)):
        span = found.span(index)
        content = units[2 * span.start.units : 2 * span.end.units].decode("utf-16-le")
        assert data[span.start.octets : span.end.octets].decode() == content
        assert data.decode("utf-8-sig")[span.start.points : span.end.points] == content
        assert not units[2 * covered : 2 * span.start.units].decode("utf-16-le").strip()
        assert content == content.strip()
        assert content
        covered = span.end.units
        result.append((content, [heading.title for heading in span.headings]))
    assert not units[2 * covered :].decode("utf-16-le").strip()
    return result


@pytest.mark.parametrize("strategy", list(Strategy))
@settings(max_examples=60, deadline=None)
@given(pieces=TEXTS)
def test_chunks_cover_everything_once(strategy: Strategy, pieces: list[str]) -> None:
    chunks = chunks_of("".join(pieces), configured(strategy))
    if strategy is not Strategy.TOKEN:
        assert all(len(content) <= SIZES["max_characters"] for content, _ in chunks)


def test_chunks_do_not_cross_chapters() -> None:
    text = "".join(f"## Chapter {n}\n\n{'Some prose here. ' * 15}\n\n" for n in range(8))
    chunks = chunks_of(text, configured(Strategy.HYBRID))
    assert {tuple(path) for _, path in chunks} == {(f"Chapter {n}",) for n in range(8)}
    assert all(content.count("## ") <= 1 for content, _ in chunks)


def test_a_title_alone_goes_with_what_follows_and_names_its_place() -> None:
    text = "# Book\n\n## Chapter\n\n### Part\n\n" + "Some prose here. " * 10
    [(content, path)] = chunks_of(text, ChunkingConfig())
    assert content.startswith("# Book")
    assert path == ["Book", "Chapter", "Part"]


def test_the_tail_of_a_chapter_stays_out_of_the_next_one() -> None:
    text = "## One\n\n" + "Some prose here. " * 22 + "\n\nTail.\n\n## Two\n\n" + "More text. " * 10
    chunks = chunks_of(text, configured(Strategy.HYBRID))
    assert not any("Tail." in content and "## Two" in content for content, _ in chunks)


def test_a_heading_goes_with_the_text_below_it() -> None:
    body = "Some prose here. " * 14
    text = f"## A\n\n{body}\n\n### B\n\n#### C\n\n{body}\n"
    chunks = chunks_of(text, configured(Strategy.HYBRID))
    assert [content.partition("\n")[0] for content, _ in chunks] == ["## A", "### B"]
    assert chunks[1][1] == ["A", "B", "C"]


def test_sibling_headings_replace_each_other() -> None:
    body = "Some prose here. " * 14
    text = f"# A\n\n{body}\n\n### Deep\n\n{body}\n\n## B\n\n{body}\n\n# C\n\n{body}\n"
    paths = [path for _, path in chunks_of(text, configured(Strategy.HYBRID))]
    assert list(dict.fromkeys(map(tuple, paths))) == [("A",), ("A", "Deep"), ("A", "B"), ("C",)]


def test_a_table_stays_in_one_piece_where_it_fits() -> None:
    table = "| name | value |\n|---|---|\n" + "".join(f"| row {n} | {n} |\n" for n in range(10))
    text = "Prose before. " * 12 + "\n\n" + table + "\n" + "Prose after. " * 12
    assert any(
        table.strip() in content for content, _ in chunks_of(text, configured(Strategy.HYBRID))
    )


def test_front_matter_is_no_heading() -> None:
    [(_, path)] = chunks_of("---\ntitle: A\n---\n\nSome prose.\n", ChunkingConfig())
    assert path == []


@pytest.mark.parametrize("strategy", [Strategy.HYBRID, Strategy.RECURSIVE, Strategy.SENTENCE])
def test_ornaments_are_no_chunks_of_their_own(strategy: Strategy) -> None:
    text = "\n\n* * *\n\n".join("Some prose here. " * 14 for _ in range(12)) + "\n\n---\n"
    chunks = chunks_of(text, configured(strategy))
    assert all(any(map(str.isalnum, content)) for content, _ in chunks)


def test_sentences_stay_whole() -> None:
    sentence = "This sentence has exactly eight words in it. "
    chunks = chunks_of(sentence * 40, configured(Strategy.SENTENCE))
    assert len(chunks) > 5
    assert all(content.endswith("it.") for content, _ in chunks)


def test_chunks_by_token_have_about_the_tokens_asked_for() -> None:
    contents = [
        c for c, _ in chunks_of("Some prose here again. " * 200, configured(Strategy.TOKEN))
    ]
    counts = count_tokens(contents)
    assert max(counts) <= SIZES["target_tokens"] + 1
    assert min(counts[:-1]) >= SIZES["target_tokens"] * 3 // 4 - 1


def test_a_long_text_without_headings_is_read_in_windows(tmp_path: Path) -> None:
    path = tmp_path / "content.md"
    path.write_text("One line of text.\n\n" * 20_000)
    sizes = [len(section.text) for section in read_sections(path, at_headings=True)]
    assert max(sizes) < WINDOW + 100
    assert sum(sizes) == path.stat().st_size


@pytest.mark.parametrize("shift", range(0, 30, 5))
def test_a_window_may_end_in_a_heading_of_several_lines(tmp_path: Path, shift: int) -> None:
    before = "*" * (3 + shift) + "\n" + "Words.\n***\n" * ((2 * WINDOW - 20) // 11)
    text = before + "A title\nof\nthree lines\n---\nMore.\n"
    path = tmp_path / "content.md"
    path.write_text(text)
    sections = list(read_sections(path, at_headings=True))
    assert "".join(section.text for section in sections) == text
    [heading] = [heading for section in sections for heading in section.headings]
    assert (heading.title, heading.start) == ("A title of three lines", len(before))
    assert sections[-1].text.endswith("More.\n")


def test_one_endless_line_is_read_in_windows(tmp_path: Path) -> None:
    path = tmp_path / "content.md"
    path.write_text("x" * 1_000_000)
    assert max(len(s.text) for s in read_sections(path, at_headings=True)) <= 3 * WINDOW


@pytest.mark.parametrize("data", [b"caf\xe9", b"\xff\xfea\0", b"text\0text"])
def test_what_cannot_be_kept_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "content.md"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match=r"UTF-8|NUL"):
        find_boundaries(path, ChunkingConfig())


def test_an_unknown_strategy_names_those_that_exist() -> None:
    with pytest.raises(InvalidInputError, match="hybrid, recursive, sentence, token"):
        ChunkingConfig(strategy="slumber")
