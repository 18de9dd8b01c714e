"""The URLs that receivers of webhooks are registered with."""

from __future__ import annotations

from typing import Final

from pydantic import HttpUrl, TypeAdapter, ValidationError

from app.webhooks.addresses import AddressRefused, Allowed
from smoothgen.errors import InvalidInput

_URL: Final = TypeAdapter(HttpUrl)
_PORTS: Final = {"https": 443, "http": 80}


async def checked_url(written: str, allowed: Allowed, *, allow_http: bool) -> str:
    """Returns a receiver's URL in its normal form, in which the host is ASCII. Raises InvalidInput for one that may not
    be sent to now; it is looked at again whenever something is sent."""
    try:
        url = _URL.validate_python(written)
    except ValidationError as error:
        raise _refused(f"{written!r:.200} is no URL: {error.errors()[0]['msg']}") from error
    if url.scheme != "https" and not allow_http:
        raise _refused(f"{written!r:.200} is not https, and this server sends webhooks by https only")
    if url.username is not None or url.password is not None:
        raise _refused("the URL has a user or a password in it; leave them out: messages are signed")
    if url.fragment is not None:
        raise _refused(f"{written!r:.200} has a fragment (#…), which is never sent; leave it out")
    host = (url.host or "").strip("[]")
    try:
        await allowed.resolve(host, url.port or _PORTS[url.scheme])
    except AddressRefused as error:
        raise _refused(str(error)) from error
    return str(url)


def _refused(detail: str) -> InvalidInput:
    return InvalidInput(detail, field="url")
