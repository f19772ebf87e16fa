"""The models: vectors that depend on the text alone, and thresholds that were measured."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhizome_pipelines.embedding import EmbeddingConfig, open_model
from rhizome_pipelines.embedding.models.model import EmbeddingModel
from rhizome_pipelines.embedding.models.wordllama import WordLlamaModel
from rhizome_pipelines.embedding.texts import embedded_text
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

PAIRS = Path(__file__).parents[3] / "benchmarks" / "connection_quality" / "pairs.jsonl"

MODEL = WordLlamaModel()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=12))
def test_a_vector_does_not_depend_on_the_batch(texts: list[str]) -> None:
    together = MODEL.embed(texts)
    alone = [MODEL.embed([text])[0] for text in texts]
    assert together.shape == (len(texts), 256)
    assert together.dtype == np.float32
    for one, other in zip(together, alone, strict=True):
        assert one.tobytes() == other.tobytes()


def test_rows_have_length_one_and_blank_texts_are_zero() -> None:
    vectors = MODEL.embed(["The tide comes in.", "", " \n\t", "\x00", "🌊🌊🌊", "a" * 50_000])
    norms = np.linalg.norm(vectors, axis=1)
    assert norms == pytest.approx([1, 0, 0, 1, 1, 1], abs=1e-6)


def test_the_model_is_recorded_with_release_and_dimensions() -> None:
    model = open_model(EmbeddingConfig())
    assert model.name == "wordllama-0.4-l2-256"
    assert (model.space.model, model.space.dimensions) == (model.name, 256)
    assert "wordllama=0.4.0.post1" in model.version


def labelled(model: EmbeddingModel) -> dict[tuple[str, str], list[float]]:
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    cosines = (
        model.embed([pair["a"] for pair in pairs]) * model.embed([pair["b"] for pair in pairs])
    ).sum(axis=1)
    found: dict[tuple[str, str], list[float]] = {}
    for pair, cosine in zip(pairs, cosines.tolist(), strict=True):
        found.setdefault((pair["label"], pair["length"]), []).append(cosine)
    return found


def test_the_threshold_reaches_what_is_stated() -> None:
    threshold = MODEL.connection_threshold
    assert threshold == 0.5
    found = labelled(MODEL)
    chunks = found["related", "chunk"]
    unrelated = found["unrelated", "chunk"] + found["unrelated", "sentence"]
    assert len(chunks) + len(found["related", "sentence"]) + len(unrelated) >= 60
    assert max(unrelated) < threshold
    assert sum(cosine >= threshold for cosine in chunks) / len(chunks) >= 0.6


@pytest.mark.parametrize(
    "name", ["", "word", "endpoint:", "sentence-transformers:", "wordllama:x", "gpt:4"]
)
def test_an_unknown_model_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_EMBEDDING_MODEL"):
        open_model(EmbeddingConfig(name))


def test_dimensions_are_asked_of_endpoints_only() -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_EMBEDDING_DIMENSIONS"):
        open_model(EmbeddingConfig("wordllama", dimensions=128))


def test_an_extra_that_is_not_installed_is_named_with_the_command() -> None:
    assert find_spec("sentence_transformers") is None, "this environment has the extra"
    with pytest.raises(PermanentError, match=r'pip install "rhizome-pipelines\[sentence-'):
        open_model(EmbeddingConfig("sentence-transformers:all-mpnet-base-v2"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "host/v1",
        "https://user:secret@host/v1",
        "https://host/v1?key=secret",
        "http://",
        "http://host:port/v1",
        "",
    ],
)
def test_a_url_that_could_hold_a_secret_or_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_EMBEDDING_BASE_URL") as caught:
        EmbeddingConfig("endpoint:m", base_url=url)
    assert "secret" not in str(caught.value)


def test_the_key_is_never_shown() -> None:
    assert "sk-123" not in repr(EmbeddingConfig("endpoint:m", "http://host/v1", "sk-123"))


def test_an_endpoint_needs_its_address() -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_EMBEDDING_BASE_URL"):
        open_model(EmbeddingConfig("endpoint:m"))


@pytest.mark.parametrize(
    ("headings", "content", "text"),
    [
        ([], "Tides.", "Tides."),
        (["The sea", "Tides"], "They come and go.", "The sea > Tides\n\nThey come and go."),
        (["The sea", "Tides"], "## Tides\n\nThey come.", "The sea\n\n## Tides\n\nThey come."),
        (["Tides"], "# Tides\n\nThey come.", "# Tides\n\nThey come."),
        (["The sea"], " \n", ""),
        (None, "\ud800 lone", "? lone"),
    ],
)
def test_the_text_that_is_embedded(headings: list[str] | None, content: str, text: str) -> None:
    assert embedded_text({"heading_path": headings, "content": content}) == text
