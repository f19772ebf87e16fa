"""What YouTube tells of a video: transcript, title, channel. Read by youtube-transcript-api."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx
import requests
import youtube_transcript_api as library
from requests.adapters import BaseAdapter
from youtube_transcript_api import Transcript, TranscriptList, YouTubeTranscriptApi
from youtube_transcript_api import YouTubeTranscriptApiException as LibraryError

from rhizome_pipelines.extraction.config import YouTubeConfig
from rhizome_pipelines.extraction.web.fetch import PageFetcher, retry_after
from rhizome_pipelines.extraction.youtube.address import watch_url
from rhizome_pipelines.lifecycle.errors import (
    ErrorType,
    PermanentError,
    RhizomeError,
    TransientError,
    type_of_status,
)

_BY_HAND = (
    "Open the video, choose “Show transcript”, copy it, and add the document again with that text."
)
_NOT_UNDERSTOOD = f"YouTube answered in a way that is not understood here. {_BY_HAND}"
_MISSING = "There is no video at this address, or it is private. Check the address."
_SENTENCES: Mapping[type[LibraryError], str] = {
    library.VideoUnavailable: _MISSING,
    library.InvalidVideoId: _MISSING,
    library.TranscriptsDisabled: f"The video has no transcript that can be fetched. {_BY_HAND}",
    library.NoTranscriptFound: f"The video has no transcript that can be fetched. {_BY_HAND}",
    library.AgeRestricted: f"YouTube shows this video only after a login. {_BY_HAND}",
    library.VideoUnplayable: f"YouTube does not play this video here. {_BY_HAND}",
    library.RequestBlocked: f"YouTube does not answer programs at this network address. {_BY_HAND}",
    library.IpBlocked: f"YouTube does not answer programs at this network address. {_BY_HAND}",
    library.PoTokenRequired: f"YouTube gives this transcript to browsers only. {_BY_HAND}",
}


class GuardedAdapter(BaseAdapter):
    """Sends the requests of a `requests.Session` through the guarded client, within its limits."""

    def __init__(self, fetcher: PageFetcher, client: httpx.Client) -> None:
        super().__init__()
        self._fetcher = fetcher
        self._client = client

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_options: Any
    ) -> requests.Response:
        """Raises the errors of `PageFetcher`; the session's own time-outs are not used."""
        url = request.url or ""
        headers = {
            name: str(value)
            for name, value in request.headers.items()
            if name.lower() not in {"accept-encoding", "connection", "user-agent"}
        }
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        status, answered, data = self._fetcher.exchange(
            self._client, request.method or "GET", url, headers, body
        )
        response = requests.Response()
        response.status_code = status
        response.headers.update(answered)
        response.encoding = "utf-8"
        response.raw = BytesIO(data)
        response.url = url
        response.request = request
        return response

    def close(self) -> None:
        """The client is its owner's to close."""


class YouTubeClient:
    """Fetches over a `PageFetcher`; every failure tells how to go on by hand."""

    def __init__(self, config: YouTubeConfig, fetcher: PageFetcher) -> None:
        self._config = config
        self._fetcher = fetcher

    def fetch(self, video: str) -> dict[str, Any]:
        """{title, author, language, generated, cues: [[seconds, text], …]} of a video.

        Raises PermanentError where there is no transcript for us, TransientError where YouTube
        or the network is out of order.
        """
        with self._session() as session:
            transcript = self._transcript(session, video)
            title, author = _oembed(session, video)
        return {**transcript, "title": title, "author": author}

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        with self._fetcher.client(follow_redirects=False) as client, requests.Session() as session:
            session.trust_env = False
            session.max_redirects = 5
            adapter = GuardedAdapter(self._fetcher, client)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            yield session

    def _transcript(self, session: requests.Session, video: str) -> dict[str, Any]:
        try:
            chosen = self._choose(YouTubeTranscriptApi(http_client=session).list(video))
            fetched = chosen.fetch()
        except library.YouTubeRequestFailed as error:
            raise _request_failed(error) from error
        except LibraryError as error:
            raise PermanentError(_SENTENCES.get(type(error), _NOT_UNDERSTOOD)) from error
        except (requests.RequestException, LookupError, ValueError, TypeError) as error:
            raise PermanentError(_NOT_UNDERSTOOD) from error
        except (AttributeError, SyntaxError) as error:  # of the library's parsing; XML too
            raise PermanentError(_NOT_UNDERSTOOD) from error
        return {
            "language": fetched.language_code,
            "generated": fetched.is_generated,
            "cues": [
                [int(snippet.start), said]
                for snippet in fetched.snippets
                if (said := " ".join(snippet.text.split()))
            ],
        }

    def _choose(self, offered: TranscriptList) -> Transcript:
        """By the settings' languages; else written by hand in the spoken language; else any."""
        if self._config.languages:
            return offered.find_transcript(self._config.languages)
        transcripts = list(offered)
        if not transcripts:
            raise library.TranscriptsDisabled(offered.video_id)
        spoken = {one.language_code for one in transcripts if one.is_generated}
        by_hand = [one for one in transcripts if not one.is_generated]
        return next(
            (one for one in by_hand if not spoken or one.language_code in spoken), transcripts[-1]
        )


def _oembed(session: requests.Session, video: str) -> tuple[str | None, str | None]:
    """Title and channel (https://oembed.com); a transcript is worth having without them."""
    url = f"https://www.youtube.com/oembed?format=json&url={quote(watch_url(video), safe='')}"
    try:
        answer = json.loads(session.get(url).content)
    except (RhizomeError, requests.RequestException, ValueError):
        return None, None
    known = answer if isinstance(answer, dict) else {}
    title, author = known.get("title"), known.get("author_name")
    return title if isinstance(title, str) else None, author if isinstance(author, str) else None


def _request_failed(error: library.YouTubeRequestFailed) -> RhizomeError:
    cause = error.__context__
    response = cause.response if isinstance(cause, requests.HTTPError) else None
    if response is not None and type_of_status(response.status_code) is not ErrorType.TRANSIENT:
        return PermanentError(f"YouTube refused (HTTP {response.status_code}). {_BY_HAND}")
    told = response.headers.get("Retry-After") if response is not None else None
    return TransientError(
        "YouTube is busy or out of order.",
        retry_after=retry_after(told, datetime.now(UTC)),
        provider="www.youtube.com",
    )
