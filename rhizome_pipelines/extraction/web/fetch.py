"""One page, fetched with limits on time, size, redirects and kind; failures classified."""

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from rhizome_pipelines.extraction.config import WebConfig
from rhizome_pipelines.extraction.local_file import MEGABYTE
from rhizome_pipelines.extraction.web.guard import GuardedTransport, Resolver, resolve
from rhizome_pipelines.extraction.web.paywall import is_paywalled
from rhizome_pipelines.lifecycle.errors import (
    ErrorType,
    InvalidInputError,
    PaywallError,
    PermanentError,
    RhizomeError,
    TransientError,
    type_of_status,
)
from rhizome_pipelines.lifecycle.providers import answered

MAX_RETRY_AFTER = 24 * 3600.0
_ERROR_BODY = 256 * 1024
_MISSING = "There is no page at this address of {host} (HTTP {status}). Check the address."
_REFUSALS = {
    404: _MISSING,
    410: _MISSING,
    451: "{host} does not show this page for legal reasons (HTTP {status}).",
}
_REFUSED = "{host} refused the request (HTTP {status}). Check the address."
_TEXT_TYPES = frozenset(
    {
        "",
        "text/html",
        "application/xhtml+xml",
        "text/plain",
        "text/markdown",
        "text/x-markdown",
        "application/xml",
        "text/xml",
    }
)


class Inflater:
    """Undoes one Content-Encoding, never giving more than it is asked for."""

    def __init__(self, content_encoding: str) -> None:
        encoding = content_encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise PermanentError(
                f"The page is compressed in a way that was not asked for: {encoding[:40]!r}."
            )
        self._encoding = encoding
        self._inflate: zlib._Decompress | None = None

    def feed(self, block: bytes, limit: int) -> bytes:
        """At most `limit` bytes (> 0) of what `block` stands for. Raises zlib.error."""
        if self._encoding in {"", "identity"}:
            return block[:limit]
        if self._inflate is None:
            self._inflate = zlib.decompressobj(self._window(block))
        return self._inflate.decompress(block, limit)

    def _window(self, block: bytes) -> int:
        if self._encoding != "deflate":
            return zlib.MAX_WBITS | 16
        # "deflate" is zlib's format (RFC 9110, section 8.4.1.2); some servers send it bare.
        has_header = block[0] & 0x0F == 8 and block[0] >> 4 <= 7
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


@dataclass(frozen=True)
class FetchedPage:
    """A page as it came: its final address, type and charset as the server told, its bytes."""

    url: str
    content_type: str
    charset: str | None
    body: bytes


class PageFetcher:
    """Fetches single pages. `clock` counts seconds (monotonic), `now` is for Retry-After dates."""

    def __init__(
        self,
        config: WebConfig,
        *,
        resolver: Resolver = resolve,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._resolver = resolver
        self._clock = clock
        self._now = now

    def transport(self) -> httpx.BaseTransport:
        """What every request goes through."""
        return GuardedTransport(
            allowed_ports=self._config.allowed_ports,
            allow_private_addresses=self._config.allow_private_addresses,
            resolver=self._resolver,
        )

    @contextmanager
    def client(self, *, follow_redirects: bool = True) -> Iterator[httpx.Client]:
        """A guarded client, each redirect a request of its own; no environment, no proxy."""
        config = self._config
        timeout = httpx.Timeout(config.read_timeout, connect=config.connect_timeout)
        headers = {
            "User-Agent": config.user_agent,
            # What is asked for is what `Inflater` can undo within limits.
            "Accept-Encoding": "gzip, deflate",
            "Accept": "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,*/*;q=0.1",
        }
        with httpx.Client(
            transport=self.transport(),
            timeout=timeout,
            headers=headers,
            follow_redirects=follow_redirects,
            max_redirects=config.max_redirects,
            trust_env=False,
        ) as client:
            yield client

    def fetch(self, url: str, pulse: Callable[[int], None] = lambda _bytes: None) -> FetchedPage:
        """Get `url`; `pulse` is told the bytes read so far.

        Raises InvalidInputError (refused address, wrong kind, too large), PaywallError,
        PermanentError (gone, forbidden) and TransientError (busy, broken, slow).
        """
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise InvalidInputError("This is no valid web address. Check it for typos.") from error
        with (
            told_in_words(parsed.host, self._config.max_redirects),
            self.client() as client,
            client.stream("GET", parsed) as response,
        ):
            page = self._read(response, pulse)
            answered(parsed.host)
            answered(response.url.host)
            return page

    def exchange(
        self, client: httpx.Client, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request within the same limits, whatever its status: (status, headers, body)."""
        with (
            told_in_words(httpx.URL(url).host, self._config.max_redirects),
            client.stream(method, url, headers=dict(headers), content=body or None) as response,
        ):
            data = self._body(response, self._config.max_bytes, lambda _bytes: None)
            if response.is_success:
                answered(response.url.host)
            return response.status_code, dict(response.headers), data

    def _read(self, response: httpx.Response, pulse: Callable[[int], None]) -> FetchedPage:
        content_type = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if response.status_code >= 400:
            body = self._body(response, _ERROR_BODY, pulse, cut=True)
            raise failure(response, body, self._now())
        if content_type == "application/pdf":
            raise InvalidInputError(
                "There is a PDF at this address. Download it and add it as a PDF document."
            )
        if content_type not in _TEXT_TYPES:
            raise InvalidInputError(
                f"There is no page at this address but a file of the type {content_type[:60]!r}. "
                "Download it, and add it if it is a PDF, EPUB, Markdown or text file."
            )
        body = self._body(response, self._config.max_bytes, pulse)
        if not body.strip():
            raise InvalidInputError("The page is empty; there is nothing to process.")
        return FetchedPage(str(response.url), content_type, response.charset_encoding, body)

    def _body(
        self,
        response: httpx.Response,
        limit: int,
        pulse: Callable[[int], None],
        *,
        cut: bool = False,
    ) -> bytes:
        announced = response.headers.get("Content-Length", "")
        if not cut and announced.isdecimal() and len(announced) < 20 and int(announced) > limit:
            raise _too_large(limit)
        end = self._clock() + self._config.total_timeout
        body = bytearray()
        # Not iter_bytes(): it inflates a whole block, and layers of blocks, however large.
        inflater = Inflater(response.headers.get("Content-Encoding", ""))
        for block in response.iter_raw():
            body += inflater.feed(block, limit + 1 - len(body))
            if len(body) > limit:
                if cut:
                    break
                raise _too_large(limit)
            if self._clock() > end:
                raise TransientError(
                    f"{response.url.host} sent its page too slowly; it was not finished after "
                    f"{self._config.total_timeout:.0f} seconds.",
                    provider=response.url.host,
                )
            pulse(len(body))
        return bytes(body[:limit])


@contextmanager
def told_in_words(host: str, max_redirects: int) -> Iterator[None]:
    """Turns what httpx raises into errors for people, by type."""
    try:
        yield
    except httpx.TooManyRedirects as error:
        raise PermanentError(
            f"{host} redirects more than {max_redirects} times. "
            "Open the page in a browser and use the address that it ends at."
        ) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise InvalidInputError("Only http:// and https:// addresses can be fetched.") from error
    except zlib.error as error:
        raise PermanentError(f"{host} sent a page with damaged compression.") from error
    except httpx.TimeoutException as error:
        raise TransientError(f"{host} did not answer in time.", provider=host) from error
    except httpx.HTTPError as error:
        raise TransientError(
            f"The connection to {host} failed or broke off.", provider=host
        ) from error


def failure(response: httpx.Response, body: bytes, now: datetime) -> RhizomeError:
    """The error that an HTTP status of 400 and above stands for (RFC 9110, section 15)."""
    status = response.status_code
    host = response.url.host
    error_type = type_of_status(status, page=True)
    if error_type is ErrorType.TRANSIENT:
        return TransientError(
            f"{host} is busy or out of order (HTTP {status}).",
            retry_after=retry_after(response.headers.get("Retry-After"), now),
            provider=host,
        )
    by_hand = "Open it in your browser, save or copy its text, and add that."
    if status == 401 and not is_paywalled(body):
        return PaywallError(f"The page at {host} asks for a login (HTTP 401). {by_hand}")
    if error_type is ErrorType.PAYWALL or (status == 403 and is_paywalled(body)):
        return PaywallError(f"The page at {host} is behind a payment (HTTP {status}). {by_hand}")
    if status == 403:
        return PermanentError(f"{host} does not let programs read this page (HTTP 403). {by_hand}")
    return PermanentError(_REFUSALS.get(status, _REFUSED).format(host=host, status=status))


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110, section 10.2.3)."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:12]), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _too_large(limit: int) -> InvalidInputError:
    return InvalidInputError(
        f"The page is larger than {limit / MEGABYTE:,.0f} MB and was not read to its end. "
        "Save the part that you need as a file and add that."
    )
