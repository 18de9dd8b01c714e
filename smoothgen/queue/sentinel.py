"""Addresses of a Redis that fails over: redis+sentinel://[user:password@]host:port[,host:port…]/service[/db]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel

SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
_FORM: Final = "redis+sentinel://[user:password@]host:port[,host:port…]/service[/db]"
_PORT: Final = 26379


@dataclass(frozen=True)
class SentinelAddress:
    """Where sentinels are, and which of their services is meant.

    username, password: for the Redis servers. ssl: whether the Redis servers are spoken to over TLS.
    """

    sentinels: tuple[tuple[str, int], ...]
    service: str
    db: int = 0
    username: str | None = None
    password: str | None = None
    ssl: bool = False


def is_sentinel(url: str) -> bool:
    """Returns whether the address names sentinels."""
    return url.partition("://")[0].lower() in SCHEMES


def read_address(url: str) -> SentinelAddress:
    """Returns the parts of an address. Raises ValueError that says what is wrong, without the password."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    service, _, db = unquote(parts.path).strip("/").partition("/")
    if not service or not (db == "" or db.isdecimal()) or parts.query or parts.fragment:
        raise ValueError(f"{parts.scheme} address with path {parts.path!r} and query {parts.query!r}: write it {_FORM}")
    return SentinelAddress(
        sentinels=tuple(_host(host) for host in hosts.split(",")),
        service=service,
        db=int(db or 0),
        username=unquote(user) or None,
        password=unquote(password) or None,
        ssl=parts.scheme.lower().startswith("rediss"),
    )


def _host(text: str) -> tuple[str, int]:
    read = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text)
    if read is None or int(read[3] or _PORT) > 65535:
        raise ValueError(f"{text!r} is no host and port of a sentinel: write the address {_FORM}")
    return read[1] or read[2], int(read[3] or _PORT)


def connect_to_master(url: str, **options: Any) -> Redis:
    """Returns a client of the service's master, whichever server that is. Nothing is sent yet.

    options: of the client's connections. Options of sockets are used for the sentinels too.
    """
    address = read_address(url)
    asked = {name: value for name, value in options.items() if name.startswith("socket_")}
    sentinel = Sentinel(address.sentinels, sentinel_kwargs={**asked, "decode_responses": True})
    named = {"username": address.username, "password": address.password}
    secured = {"ssl": True} if address.ssl else {}
    client: Redis = sentinel.master_for(address.service, db=address.db, **options, **named, **secured)
    return client
