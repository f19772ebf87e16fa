"""The JSON envelope of stage files and part headers: versioned, and sealed by its own digest.

A sealed envelope is canonical JSON whose field `digest` is the SHA-256 of the canonical JSON of
all its other fields. Since only canonical bytes are accepted, any changed byte is found.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256
from rhizome_pipelines.lifecycle.errors import InvalidInputError

VERSION: Final = "1.0"
MAX_DEPTH = 100
"""Levels of nesting in a file that anybody may have written; what walks it needs its stack."""


class RefusedError(Exception):
    """A checkpoint cannot be used; `reasons` says why, every reason in words."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def digest_of(fields: Mapping[str, Any]) -> str:
    """The digest that seals these fields (a `digest` among them is left out)."""
    return sha256(canonical_json({name: fields[name] for name in fields if name != "digest"}))


def seal(fields: Mapping[str, Any]) -> bytes:
    """The envelope's bytes. Raises ValueError or TypeError if `fields` is not JSON."""
    return canonical_json({**fields, "digest": digest_of(fields)})


def unseal(data: bytes) -> dict[str, Any]:
    """The fields, `digest` included. Raises RefusedError: damaged, or of an unknown version."""
    fields = _parse(data)
    if fields.get("version") != VERSION:
        raise RefusedError(unknown_version(fields))
    try:
        intact = fields.get("digest") == digest_of(fields) and canonical_json(fields) == data
    except ValueError:
        intact = False
    if not intact:
        raise RefusedError("its bytes were altered: the digest in it does not fit")
    return fields


def read_versioned(data: bytes, what: str) -> dict[str, Any]:
    """The fields of a JSON file of the contract, sealed or not.

    `what` names the file for a person. Raises InvalidInputError: no JSON object, of an unknown
    version, or one that cannot be written again (numbers that JSON does not have, half a surrogate
    pair, nesting too deep).
    """
    try:
        fields = _parse(data)
    except RefusedError as error:
        raise InvalidInputError(f"{what} cannot be read: {error}.") from error
    fault = _fault(fields)
    if fault is not None:
        raise InvalidInputError(f"{what} cannot be read: {fault}.")
    if fields.get("version") != VERSION:
        raise InvalidInputError(f"{what} cannot be read: {unknown_version(fields)}.")
    return fields


def unknown_version(fields: Mapping[str, Any]) -> str:
    """The reason, for an envelope whose version this program does not know."""
    return f'its version {str(fields.get("version"))[:40]!a} is not known, only "{VERSION}" is'


def _parse(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise RefusedError("it is damaged or cut off: not JSON") from None
    if not isinstance(fields, dict):
        raise RefusedError("it is damaged: not a JSON object")
    return fields


def _fault(fields: Mapping[str, Any]) -> str | None:
    """Why the fields cannot be written as JSON again; None if they can."""
    level: list[Any] = [fields]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            match value:
                case dict():
                    below += [*value, *value.values()]
                case list():
                    below += value
                case str() if not _is_unicode(value):
                    return "it holds half a surrogate pair, which is no text"
                case float() if not isfinite(value):
                    return "it holds a number that is not finite"
        if not below:
            return None
        level = below
    return f"it is nested more than {MAX_DEPTH} levels deep"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
