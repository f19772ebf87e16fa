"""The language of a text, named only if it is sure enough."""

from py3langid.langid import MODEL_FILE, LanguageIdentifier

SAMPLE = 20_000
"""Code points that are looked at; more change nothing and cost time."""
_MIN_LETTERS = 40
_NO_LANGUAGE = frozenset({"zxx", "und"})

_kept: list[LanguageIdentifier] = []


def keep_model() -> None:
    """Load the model now and keep it, for all processes that are forked from this one.

    They share its 75 MB; a process of its own loads it for half a second, and lets it go.
    """
    if not _kept:
        _kept.append(_load())


def detect_language(sample: str, min_confidence: float) -> str | None:
    """ISO 639-1 code of the language of `sample`, or None if it is not clear enough.

    Unless the model is kept it is loaded, and let go afterwards: a process does one document, and
    its later stages need the room.
    """
    text = sample[:SAMPLE]
    if sum(character.isalpha() for character in text) < _MIN_LETTERS:
        return None
    identifier = _kept[0] if _kept else _load()
    language, confidence = identifier.classify(text)
    if confidence < min_confidence or language in _NO_LANGUAGE:
        return None
    return str(language)


def _load() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
