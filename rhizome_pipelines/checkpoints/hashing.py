"""Hashes of stored bytes, and the one way in which JSON is put into bytes before it is hashed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHORT_HASH_LENGTH = 16


def sha256(data: bytes) -> str:
    """The full SHA-256 of `data`, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """The full SHA-256 of a local file's bytes, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_hash(full: str) -> str:
    """The first 16 hex digits, as the job's row holds them (`checkpoint_hash`)."""
    return full[:SHORT_HASH_LENGTH]


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces: the same value gives the same bytes.

    Raises ValueError for NaN, infinities, lone surrogates and nesting that is too deep,
    TypeError for what is not JSON.
    """
    try:
        text = json.dumps(
            value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    return text.encode()
