"""The language of a text is the same whether the model is kept or not."""

from collections.abc import Iterator

import pytest

from rhizome_pipelines.extraction import language
from rhizome_pipelines.extraction.language import detect_language, keep_model

TEXTS = {
    "en": "The roots of a forest speak to each other, and what they say is slow and long. " * 3,
    "de": "Die Wurzeln eines Waldes sprechen miteinander, und was sie sagen, ist langsam. " * 3,
    "fr": "Les racines d'une forêt se parlent, et ce qu'elles disent est lent et long. " * 3,
}


@pytest.fixture
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(language, "_kept", [])
    yield


@pytest.mark.usefixtures("_nothing_kept")
def test_a_kept_model_says_the_same() -> None:
    loaded = {code: detect_language(text, 0.5) for code, text in TEXTS.items()}
    keep_model()
    keep_model()

    assert {code: detect_language(text, 0.5) for code, text in TEXTS.items()} == loaded
    assert loaded == {code: code for code in TEXTS}


def test_a_text_of_few_letters_has_none() -> None:
    assert detect_language("12, 13, 14: ok", 0.5) is None
