"""Text that Postgres can hold: no NUL, no lone surrogate."""

from collections.abc import Mapping
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable_text(text: str) -> str:
    """The text with everything that Postgres refuses replaced; for messages, never for content."""
    return (
        text.replace("\0", REPLACEMENT)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )


def storable_json(value: Any) -> Any:
    """The same for every key and string of a JSON value."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {storable_text(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    return value


def is_storable(text: str) -> bool:
    """Whether Postgres takes the text as it is."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_storable_json(value: Any) -> bool:
    """The same for every key and string of a JSON value."""
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, Mapping):
        return all(is_storable(str(key)) and is_storable_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(is_storable_json(item) for item in value)
    return True
