"""Signs that a page shows only a part of its text until somebody pays or logs in."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from rhizome_pipelines.extraction.html import parse_html
from rhizome_pipelines.lifecycle.errors import InvalidInputError

_MICRODATA = re.compile(
    rb"itemprop\s*=\s*[\"']isAccessibleForFree[\"'][^>]{0,200}content\s*=\s*[\"']false",
    re.IGNORECASE,
)
_META = re.compile(
    rb"<meta[^>]{0,200}article:content_tier[\"'][^>]{0,200}content\s*=\s*[\"']locked", re.IGNORECASE
)
_CLASS = re.compile(
    rb"(?:class|id)\s*=\s*[\"'][^\"']{0,200}\b(?:paywall|piano-offer|tp-modal|meteredContent|"
    rb"subscriber-only|subscription-wall|regwall)\b",
    re.IGNORECASE,
)
_MAX_BLOCKS = 200
_MAX_JSON = 512 * 1024


def is_marked_as_paid(body: bytes) -> bool:
    """Whether the page itself says, for search engines, that it is not free.

    schema.org `isAccessibleForFree: false` (JSON-LD or microdata), or Open Graph's
    `article:content_tier: locked`.
    """
    if _MICRODATA.search(body) or _META.search(body):
        return True
    return b"isAccessibleForFree" in body and any(map(_says_paid, _json_blocks(body)))


def is_paywalled(body: bytes) -> bool:
    """As `is_marked_as_paid`, or by names that paywalls have in their markup.

    The names are too weak a sign for a page that was served; for one refused they decide.
    """
    return is_marked_as_paid(body) or _CLASS.search(body) is not None


def _json_blocks(body: bytes) -> Iterator[Any]:
    try:
        tree = parse_html(body.decode("utf-8", "replace"))
    except InvalidInputError:
        return
    for script in islice(tree.iter("script"), _MAX_BLOCKS):
        text = script.text or ""
        if script.get("type") == "application/ld+json" and len(text) <= _MAX_JSON:
            with suppress(ValueError, RecursionError):
                yield json.loads(text)


def _says_paid(value: Any) -> bool:
    """Looks at the page's own things, not into `hasPart` (a single paid element)."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            free = item.get("isAccessibleForFree")
            if free is False or (isinstance(free, str) and free.lower().endswith("false")):
                return True
            waiting.extend(item.get(key) for key in ("@graph", "mainEntity"))
    return False
