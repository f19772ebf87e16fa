"""Faults of libraries as the job's row tells them, and what their attempt keeps of them.

Clients turn what they expect into errors for people themselves. What reaches an attempt all the
same (a statement that Postgres refuses, an answer that httpx cannot decode) is classed here, where
the libraries are known.
"""

import re
import traceback
from urllib.parse import quote

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict

from rhizome_pipelines.database.connection import is_transient, normalise_url
from rhizome_pipelines.lifecycle.errors import ErrorType, Explained, explain
from rhizome_pipelines.settings import Settings

_IN_URL = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]*(?=@)")
_SHORTEST_SECRET = 4
"""Characters; to hide shorter ones would hide half of the text, and tell them."""


def explained(fault: BaseException) -> Explained:
    """Any fault, classified by its type and by its number. Its text is not told unless it is ours.

    Database, network and system faults are no defect of the program's.
    """
    match fault:
        case psycopg.Error():
            return _of_database(fault)
        case httpx.HTTPError():
            return _of_http(fault)
        case _:
            return explain(fault)


def _of_database(fault: psycopg.Error) -> Explained:
    state = fault.sqlstate or type(fault).__name__
    if is_transient(fault):
        return Explained(
            ErrorType.TRANSIENT,
            f"The database could not do this now ({state}). It is tried again; if it keeps "
            "failing, `rhizome doctor` looks at the database.",
        )
    return Explained(
        ErrorType.PERMANENT,
        f"The database refused what was to be written or read ({state}). Look whether its tables "
        "are as `rhizome db status` expects them; the attempt's record holds the details.",
    )


def _of_http(fault: httpx.HTTPError) -> Explained:
    try:
        host = fault.request.url.host.lower() or None
    except RuntimeError:  # httpx's way of saying that the fault has no request
        host = None
    where = f"The connection to {host}" if host else "A connection to a web service"
    if isinstance(fault, httpx.TransportError):
        return Explained(
            ErrorType.TRANSIENT,
            f"{where} failed or broke off ({type(fault).__name__}). It is tried again; if it keeps "
            "failing, check the network and the address.",
            provider=host,
        )
    return Explained(
        ErrorType.PERMANENT,
        f"{where} gave an answer that cannot be read ({type(fault).__name__}). Check that the "
        "address is that of the service.",
    )


def details_of(fault: BaseException) -> str:
    """The whole traceback, causes included, as an attempt keeps it."""
    return "".join(traceback.format_exception(fault))


def hidden(text: str, settings: Settings) -> str:
    """Without the deployment's secrets, and without what stands before the @ of a URL."""
    for secret in sorted(_secrets(settings), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return _IN_URL.sub("***", text)


def _secrets(settings: Settings) -> set[str]:
    keys = (settings.chat_api_key, settings.embedding_api_key)
    found = {key.get_secret_value() for key in keys if key is not None}
    for url in (settings.database_url, settings.dagster_database_url):
        if url is not None:
            password = conninfo_to_dict(normalise_url(url.get_secret_value())).get("password")
            plain = str(password or "")
            found |= {plain, quote(plain, safe="")}
    return found
