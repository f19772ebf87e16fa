"""The extractor of YouTube videos: a fetched transcript, or a pasted one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TextIO

from rhizome_pipelines.extraction.config import ExtractionConfig
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.extraction.local_file import refuse_larger
from rhizome_pipelines.extraction.web.fetch import PageFetcher
from rhizome_pipelines.extraction.youtube.address import video_id
from rhizome_pipelines.extraction.youtube.client import YouTubeClient
from rhizome_pipelines.extraction.youtube.transcript import (
    Cue,
    markdown,
    paragraphs,
    read_pasted,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.markdown.titles import plain_title
from rhizome_pipelines.stages.stage import Pulse, Unit

TRANSCRIPT = Unit(key="transcript", label="transcript")


class YouTubeExtractor:
    """Implements `Extractor`. Where a transcript was pasted (`Source.text`), nothing is fetched."""

    version = "1"

    def __init__(self, config: ExtractionConfig, fetcher: PageFetcher | None = None) -> None:
        self._config = config
        self._client = YouTubeClient(config.youtube, fetcher or PageFetcher(config.web))

    def dependencies(self) -> Mapping[str, str]:
        youtube = self._config.youtube
        return {
            "youtube-transcript-api": library_version("youtube-transcript-api"),
            "languages": ",".join(youtube.languages),
            "section_seconds": str(youtube.section_seconds),
        }

    def units(self, source: Source) -> Sequence[Unit]:
        if not _pasted(source):
            _video(source)
        return [TRANSCRIPT]

    def work(self, source: Source, unit: Unit, pulse: Pulse) -> bytes:
        if text := _pasted(source):
            refuse_larger(len(text), self._config.text.max_bytes, "The pasted transcript")
            return b"{}"
        return json.dumps(self._client.fetch(_video(source)), ensure_ascii=False).encode(
            "utf-8", "replace"
        )

    def assemble(
        self,
        source: Source,
        parts: Iterable[tuple[Unit, bytes]],
        content: TextIO,
        scratch: Path,
    ) -> Extracted:
        ((_, data),) = parts
        video = video_id(source.url or "")
        if text := _pasted(source):
            cues = read_pasted(text)
            if not cues:
                content.write(text)
                return Extracted(None, None, None, notes=("The transcript has no times.",))
            self._write(cues, video, content)
            return Extracted(None, None, None)
        known = json.loads(data)
        title = plain_title(known["title"] or "")
        if title:
            content.write(f"# {title}\n\n")
        self._write([Cue(start, said) for start, said in known["cues"]], video, content)
        made = ("The transcript was made by speech recognition.",) if known["generated"] else ()
        return Extracted(
            title=known["title"],
            author=known["author"],
            page_count=None,
            language=known["language"],
            notes=made,
        )

    def _write(self, cues: Iterable[Cue], video: str | None, content: TextIO) -> None:
        for paragraph in paragraphs(cues, self._config.youtube.section_seconds):
            content.write(markdown(paragraph, video))


def _pasted(source: Source) -> str | None:
    return source.text if source.text and source.text.strip() else None


def _video(source: Source) -> str:
    video = video_id(source.url or "")
    if video is None:
        raise InvalidInputError(
            "This is no address of a YouTube video. It should look like "
            "https://www.youtube.com/watch?v=… or https://youtu.be/…."
        )
    return video
