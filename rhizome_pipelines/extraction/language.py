"""The language of a text, named only if it is sure enough."""

from py3langid.langid import MODEL_FILE, LanguageIdentifier

SAMPLE = 20_000
"""Code points that are looked at; more change nothing and cost time."""
_MIN_LETTERS = 40
_NO_LANGUAGE = frozenset({"zxx", "und"})


def detect_language(sample: str, min_confidence: float) -> str | None:
    """ISO 639-1 code of the language of `sample`, or None if it is not clear enough.

    The model (100 MB, loaded in under a second) is let go afterwards: a process does one
    document, and its later stages need the room.
    """
    text = sample[:SAMPLE]
    if sum(character.isalpha() for character in text) < _MIN_LETTERS:
        return None
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    language, confidence = identifier.classify(text)
    if confidence < min_confidence or language in _NO_LANGUAGE:
        return None
    return str(language)
