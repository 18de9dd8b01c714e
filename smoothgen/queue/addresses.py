"""What is wrong with an address of Redis, said without its password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

from redis.exceptions import RedisError

from smoothgen.errors import InvalidInput

_SCHEMES: Final = ("redis", "rediss", "unix")
_FORMS: Final = (
    "write it redis://[user:password@]host:port/db, rediss://… for TLS, unix:///path?db=0, "
    "redis-cluster://[user:password@]host:port[,host:port…] or "
    "redis+sentinel://[user:password@]host:port[,host:port…]/service[/db], with / : @ ? # in a password as %2F %3A %40 "
    "%3F %23"
)


_LONGEST: Final = 200


class PartError(ValueError):
    """Says which part of an address is wrong, without quoting the password."""


@contextmanager
def told_without_password(url: str) -> Iterator[None]:
    """Raises InvalidInput for what the block says of an address: one line with the setting, what can be shown of its
    value, and how addresses are written.

    Errors of the standard library and of the client quote any part of an address, the password among them.
    """
    try:
        yield
    except (ValueError, TypeError, RedisError) as error:
        reason = f": {error}" if isinstance(error, PartError) else ""
        raise InvalidInput(f"SMOOTHGEN_REDIS_URL={shown(url)!r} is no address of a Redis{reason}; {_FORMS}") from None


def require_parts(url: str) -> None:
    """Raises ValueError for an address that the client would take for another: it ignores a database that is no number,
    and a unix socket without a path."""
    if not url.isprintable() or url != url.strip():
        raise PartError("it has white space or control characters")
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise PartError("it begins with none of redis://, rediss://, unix:// and redis-cluster://")
    path = unquote(parts.path)
    if parts.scheme == "unix" and (parts.netloc.rpartition("@")[2] or not path.strip("/")):
        raise PartError("a unix socket is named by its absolute path, after three slashes")
    if parts.scheme != "unix" and not re.fullmatch(r"/?\d*/?", path):
        raise PartError("the database after the last slash is no number")


def shown(url: str) -> str:
    """Returns the address with everything left out that may be of a password: what stands before the last @, and the
    query."""
    scheme = re.match(r"[a-z+-]*://|", url)[0]  # type: ignore[index]
    if "@" not in url:
        return url.partition("?")[0][:_LONGEST]
    return f"{scheme}…" if "?" in url else f"{scheme}…@{url.rpartition('@')[2]}"[:_LONGEST]
