"""Which addresses webhooks may be sent to, looked at where the connection is made.

A tenant chooses the URL, and the gateway connects from inside the operator's network. So a name is resolved once, what
it resolves to is checked, and the connection goes to the very address that was checked: a name that resolves to another
address a moment later (DNS rebinding) leads nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

from httpcore2 import (
    SOCKET_OPTION,
    AnyIOBackend,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IPV6_PUBLIC: Final = ipaddress.IPv6Network("2000::/3")
_NOT_OF_MACHINES: Final = tuple(
    ipaddress.ip_network(each)
    for each in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16")
)
"""Outside the private ranges, and no receivers: by the first a cloud's machines reach their host (other clouds' are
link-local or private), the others are set aside for protocols such as 6to4 and Teredo."""
_RESOLVE_S: Final = 5.0


class AddressRefused(Exception):
    """A URL leads to an address that may not be sent to, or to none."""


class Allowed:
    """The addresses that may be sent to: public ones, and those of the networks that the operator lists."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)

    def permits(self, address: Address) -> bool:
        """Returns whether an address may be sent to."""
        listed = any(address.version == each.version and address in each for each in self._networks)
        return listed or _is_public(address)

    async def resolve(self, host: str, port: int) -> list[str]:
        """Returns the addresses of a host, which may all be sent to. Raises AddressRefused where one may not, and where
        there is none."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_S):
                # The system's own reading: it also takes 2130706433, 0x7f000001 and 017700000001 for 127.0.0.1.
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # no such name; TimeoutError is an OSError
            raise AddressRefused(f"the name {host!r:.200} has no address: {error or 'no answer in time'}") from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for each in addresses:
            if not self.permits(ipaddress.ip_address(each.partition("%")[0])):
                raise AddressRefused(
                    f"{host!r:.200} leads to {each}, which is not a public address; the operator may allow its network "
                    "in SMOOTHGEN_WEBHOOKS_ALLOW"
                )
        return addresses


class CheckedBackend(AsyncNetworkBackend):
    """Connects to checked addresses only. The name stays what TLS and the Host header are given."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed, self._network = allowed, AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the interface's own
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connects to the first address of the host that answers. Raises AddressRefused, ConnectError,
        ConnectTimeout."""
        *others, last = await self._allowed.resolve(host, port)
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (ConnectError, ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)


def _is_public(address: Address) -> bool:
    """Returns whether an address is a public one of a single machine. IPv6 addresses that carry an IPv4 address inside
    (mapped, compatible, 6to4, Teredo, NAT64) are not."""
    set_aside = any(address.version == each.version and address in each for each in _NOT_OF_MACHINES)
    unicast = isinstance(address, ipaddress.IPv4Address) or address in _IPV6_PUBLIC
    return address.is_global and not address.is_multicast and unicast and not set_aside
