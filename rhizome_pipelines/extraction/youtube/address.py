"""Addresses of YouTube videos."""

import re
from urllib.parse import parse_qs, urlsplit

_HOSTS = frozenset(
    {
        "youtube.com",
        "www.youtube.com",
        "m.youtube.com",
        "music.youtube.com",
        "youtube-nocookie.com",
        "www.youtube-nocookie.com",
    }
)
_SHORT_HOSTS = frozenset({"youtu.be", "www.youtu.be"})
_PATHS = frozenset({"shorts", "embed", "live", "v", "e"})
_ID = re.compile(r"[A-Za-z0-9_-]{11}")


def video_id(url: str) -> str | None:
    """The eleven characters that name the video, or None if `url` is no address of one."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"}:
        return None
    steps = [step for step in parts.path.split("/") if step]
    candidate: str | None = None
    if host in _SHORT_HOSTS:
        candidate = steps[0] if steps else None
    elif host in _HOSTS:
        if steps == ["watch"]:
            candidate = parse_qs(parts.query, max_num_fields=50).get("v", [None])[0]
        elif len(steps) >= 2 and steps[0] in _PATHS:
            candidate = steps[1]
    return candidate if candidate and _ID.fullmatch(candidate) else None


def watch_url(video: str, seconds: int = 0) -> str:
    """The video's own address, at a moment of it."""
    moment = f"&t={seconds}s" if seconds else ""
    return f"https://www.youtube.com/watch?v={video}{moment}"
