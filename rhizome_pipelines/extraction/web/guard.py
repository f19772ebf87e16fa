"""A transport that reaches public addresses only.

The host is resolved once; every address it has must be global; the connection is made to the
address that was checked (so that a second, different answer of the name server changes
nothing), with the Host header and the TLS name of the host. As each redirect is a request of
its own, it is checked in the same way.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Host name and port → IP addresses as text. Raises OSError where there is no answer."""

_LOCAL_SUFFIXES = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home.arpa", ".onion")
# IPv6 ranges that carry an IPv4 address: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056). Where
# such a packet comes out is decided by a gateway, so none of them counts as global. Further
# Teredo (RFC 4380), site-local (RFC 3879) and documentation (RFC 9637), which is none either.
_CARRIERS = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
    IPv6Network("::/96"),
    IPv6Network("fec0::/10"),
    IPv6Network("3fff::/20"),
)


class RefusedAddressError(InvalidInputError):
    """The address leads to where this program does not go."""


def resolve(host: str, port: int) -> Sequence[str]:
    """The system's own answer."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_global(address: Address) -> bool:
    """Whether the address is on the public internet, for one host, and not a tunnel's."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_global(address.ipv4_mapped)
        if address.scope_id is not None or any(address in network for network in _CARRIERS):
            return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_private
        or address.is_unspecified
    )


class GuardedTransport(httpx.BaseTransport):
    """Checks, pins, and hands over to a plain transport.

    Raises RefusedAddressError (never retried) and TransientError if the name is not known.
    """

    def __init__(
        self,
        *,
        allowed_ports: frozenset[int],
        allow_private_addresses: bool = False,
        resolver: Resolver = resolve,
        inner: httpx.BaseTransport | None = None,
    ) -> None:
        self._allowed_ports = allowed_ports
        self._allow_private = allow_private_addresses
        self._resolver = resolver
        # No connection is kept: two names on one address must not share a checked TLS session.
        self._inner = inner or httpx.HTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        check_url(url, self._allowed_ports, self._allow_private)
        address = self._checked_address(url)
        pinned = httpx.Request(
            method=request.method,
            url=url.copy_with(host=address.compressed),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.raw_host.decode("ascii")},
        )
        return self._inner.handle_request(pinned)

    def close(self) -> None:
        self._inner.close()

    def _checked_address(self, url: httpx.URL) -> Address:
        host = url.host
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = [ip_address(text) for text in self._resolver(url.raw_host.decode(), port)]
        except socket.gaierror as error:
            raise _unknown_host(host, error) from error
        except (OSError, ValueError) as error:
            raise TransientError(
                f"The host {host!r} was not found. Check the address and the network.",
                provider=host,
            ) from error
        if not found:
            raise TransientError(f"The host {host!r} has no address.", provider=host)
        if not self._allow_private and not all(map(is_global, found)):
            raise _refused(host)
        return found[0]


def check_url(url: httpx.URL, allowed_ports: frozenset[int], allow_private: bool) -> None:
    """Refuse what can be told from the address alone. Raises RefusedAddressError."""
    host = url.host.rstrip(".").lower()
    if url.scheme not in {"http", "https"} or not host:
        raise RefusedAddressError("Only http:// and https:// addresses of a host can be fetched.")
    if url.userinfo:
        raise RefusedAddressError(
            "An address with a user name or password in it is not fetched. Leave that part out."
        )
    if allow_private:
        return
    if url.port is not None and url.port not in allowed_ports:
        raise RefusedAddressError(
            f"Port {url.port} is not one on which web pages are fetched here."
        )
    if host == "localhost" or host.endswith(_LOCAL_SUFFIXES) or _is_bare_name(host):
        raise _refused(host)


def _is_bare_name(host: str) -> bool:
    return "." not in host and ":" not in host


def _unknown_host(host: str, error: socket.gaierror) -> InvalidInputError | TransientError:
    if error.errno in {socket.EAI_NONAME, socket.EAI_FAIL}:
        return InvalidInputError(f"There is no host {host!r}. Check the address for typos.")
    return TransientError(
        f"The host {host!r} could not be looked up. Check the network.", provider=host
    )


def _refused(host: str) -> RefusedAddressError:
    return RefusedAddressError(
        f"{host!r} is not on the public internet, so it is not fetched. Save the page as a file "
        "and add that, or allow private addresses in the settings."
    )
