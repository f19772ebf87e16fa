"""Title and author from the PDF's metadata, where they are worth keeping."""

import re

from rhizome_pipelines.extraction.pdf.characters import clean

MAX_LENGTH = 300
WORTHLESS_TITLE = re.compile(
    r"untitled.*|unbenannt.*|sans titre.*|document\d*|microsoft word\b.*|microsoft powerpoint\b.*|"
    r"powerpoint presentation|presentation\d*|slide \d+|title|titel|no title|full page photo|"
    r"(?:file|https?)://.*|.*\.(?:docx?|rtf|odt|pdf|tex|dvi|ps|pptx?|xlsx?|indd|qxd|qxp|html?|txt|md)|"
    r"[\d\W_]*|[0-9a-f-]{16,}",
    re.I,
)
WORTHLESS_AUTHOR = re.compile(
    r"unknown|anonymous|author|autor|user|admin(?:istrator)?|owner|root|default|none|n/a|"
    r"[\d\W_]*|.*\\.*",
    re.I,
)


def sensible_title(text: str | None) -> str | None:
    """The title, or None for a file name or what an editor filled in."""
    return _sensible(text, WORTHLESS_TITLE)


def sensible_author(text: str | None) -> str | None:
    """The author, or None for a placeholder or an account's name."""
    return _sensible(text, WORTHLESS_AUTHOR)


def _sensible(text: str | None, worthless: re.Pattern[str]) -> str | None:
    cleaned = clean(text or "")[:MAX_LENGTH].strip()
    return None if not cleaned or worthless.fullmatch(cleaned) else cleaned
