"""Transcripts: cues with times, read from what people paste, and written as paragraphs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rhizome_pipelines.extraction.youtube.address import watch_url

# 1:02:03 or 2:03, as YouTube shows it, in [brackets] or (parentheses), or of an SRT or VTT cue.
_TIME = r"[\[(]?(?:(?P<h>\d{1,3}):)?(?P<m>\d{1,2}):(?P<s>\d{2})(?:[.,]\d{1,3})?[\])]?"
_LINE = re.compile(rf"\s*{_TIME}(?:\s*-->.*|\s*[-–—:]?\s+(?P<text>\S.*)|\s*)$")
_CUE = "-->"
# Spoken form of the time, which comes along when the panel beside a video is copied.
_SPOKEN = re.compile(r"(?:\d+ (?:hours?|minutes?|seconds?)(?:, | and )?){1,3}")
_TAG = re.compile(r"</?[A-Za-z0-9:.][^<>]{0,80}>")
_HEADER = re.compile(r"(?:WEBVTT|Kind:|Language:|NOTE\b)")
_SENTENCE_END = (".", "!", "?", "…", "。", "!", "?", '."', ".”")
_MIN_CUES = 2


@dataclass(frozen=True)
class Cue:
    """What is said from `start` (whole seconds) on, on one line."""

    start: int
    text: str


def read_pasted(text: str) -> Sequence[Cue]:
    """Cues of a pasted transcript (YouTube's panel, SRT, WebVTT, `[1:02] words`); [] if none."""
    found: list[tuple[int, list[str]]] = []
    timed = 0
    for raw in text.splitlines():
        line = raw.strip()
        match = _LINE.match(line)
        if match and int(match["s"]) < 60:
            if _CUE in line and found and found[-1][1] and found[-1][1][-1].isdecimal():
                found[-1][1].pop()  # the number of an SRT cue
            timed += 1
            start = int(match["h"] or 0) * 3600 + int(match["m"]) * 60 + int(match["s"])
            found.append((start, [match["text"]] if match["text"] else []))
        elif found and line and not (_SPOKEN.fullmatch(line) and not found[-1][1]):
            found[-1][1].append(line)
        elif not found and line and not (line.isdecimal() or _HEADER.match(line)):
            found.append((0, [line]))
    starts = [start for start, _ in found]
    if timed < _MIN_CUES or not all(a <= b for a, b in pairwise(starts)):
        return ()
    return [Cue(start, said) for start, lines in found if (said := _folded(" ".join(lines)))]


def paragraphs(cues: Iterable[Cue], section_seconds: int) -> Iterator[Cue]:
    """Cues joined to paragraphs of about `section_seconds`, ended at the end of a sentence.

    Captions without punctuation are cut after half as much again.
    """
    start = 0
    said: list[str] = []
    for cue in cues:
        if said and _is_full(cue.start - start, said[-1], section_seconds):
            yield Cue(start, " ".join(said))
            said = []
        if not said:
            start = cue.start
        said.append(cue.text)
    if said:
        yield Cue(start, " ".join(said))


def markdown(cue: Cue, video: str | None) -> str:
    """A paragraph that begins with its time, linked to the moment where the video is known."""
    hours, rest = divmod(cue.start, 3600)
    clock = (
        f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    )
    time = f"[{clock}]({watch_url(video, cue.start)})" if video else f"[{clock}]"
    return f"{time} {cue.text}\n\n"


def _is_full(seconds: int, last: str, section_seconds: int) -> bool:
    if seconds < section_seconds:
        return False
    return last.endswith(_SENTENCE_END) or seconds * 2 >= section_seconds * 3


def _folded(text: str) -> str:
    return " ".join(_TAG.sub("", text).split())
