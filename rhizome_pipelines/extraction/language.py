"""The language of a text, named only if it is sure enough."""

from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

SAMPLE = 20_000
"""Code points that are looked at; more change nothing and cost time."""
_MIN_LETTERS = 40


@cache
def _identifier() -> Any:
    # Loaded late: the model takes memory, and many documents name their language.
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(sample: str, min_confidence: float) -> str | None:
    """ISO 639-1 code of the language of `sample`, or None if it is not clear enough."""
    text = sample[:SAMPLE]
    if sum(character.isalpha() for character in text) < _MIN_LETTERS:
        return None
    language, confidence = _identifier().classify(text)
    return str(language) if confidence >= min_confidence else None
