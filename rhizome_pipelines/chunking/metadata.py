"""What is told about one chunk besides its text, whoever found it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """Who found the metadata out; written beside it."""

    HEURISTIC = "heuristic"
    CHAT = "chat"


class Emotion(StrEnum):
    """`emotional_metadata.primaryEmotion`."""

    NEUTRAL = "neutral"
    JOY = "joy"
    TRUST = "trust"
    ANTICIPATION = "anticipation"
    SURPRISE = "surprise"
    SADNESS = "sadness"
    FEAR = "fear"
    ANGER = "anger"
    DISGUST = "disgust"


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing the chunk is about; importance 0–1."""

    text: str
    importance: float


@dataclass(frozen=True, slots=True)
class ChunkMetadata:
    """importance, confidence and intensity are 0–1, polarity is −1…1."""

    summary: str | None
    themes: Sequence[str]
    concepts: Sequence[Concept]
    importance: float
    domain: str
    confidence: float
    polarity: float
    emotion: Emotion
    intensity: float
    method: Method
    model: str | None = None


class Extraction(StrEnum):
    """How a document's chunks got their metadata; `enrichment` among the stage's facts."""

    NONE = "none"
    HEURISTIC = "heuristic"
    CHAT = "chat"
