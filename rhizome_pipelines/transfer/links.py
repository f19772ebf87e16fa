"""Addresses under which a stored file can be had for a while, where the storage signs none itself.

The token is an HMAC-SHA256 of key and expiry with a secret that lies in the home: nobody can make
one for another file or a later time, and nothing has to be remembered.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from rhizome_pipelines.lifecycle.errors import PermanentError

LINK_SECONDS = 24 * 3600
"""How long the link of an export can be used."""

LOCAL_FOLDER = "/exports/"
"""Where the local server hands such files out."""

_SECRET_BYTES = 32
_FILE_NAME = "link-secret"


def local_link(key: str, expires_at: datetime, secret: bytes) -> str:
    """Path and query for a stored file: `/exports/{key}?expires=…&token=…`."""
    expires = int(expires_at.timestamp())
    query = urlencode({"expires": expires, "token": _token(key, expires, secret)})
    return f"{LOCAL_FOLDER}{quote(key)}?{query}"


def link_is_good(key: str, expires: str, token: str, secret: bytes, now: datetime) -> bool:
    """Whether the file may be handed out. `key`, `expires` and `token` are as somebody sent them.

    Compared in constant time; the expiry is looked at only when it is known to be ours.
    """
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12):
        return False
    try:
        expected = _token(key, int(expires), secret)
        genuine = hmac.compare_digest(expected.encode(), token.encode())
    except UnicodeEncodeError:
        return False
    return genuine and now < datetime.fromtimestamp(int(expires), UTC)


def link_secret(home: Path) -> bytes:
    """The home's secret, made at the first call; only the owner can read it.

    Raises PermanentError for a damaged one: whoever guesses a short secret can make links.
    """
    path = home / _FILE_NAME
    if not path.exists():
        _make_secret(path)
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES:
        raise PermanentError(
            f"The secret of download links is damaged: remove {path}, and export again what links "
            "are still needed for."
        )
    return secret


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # readable by the owner alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Whole or not at all; if two do this at once, the first one's stays.
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()


def _token(key: str, expires: int, secret: bytes) -> str:
    return hmac.new(secret, f"{expires}\n{key}".encode(), hashlib.sha256).hexdigest()
