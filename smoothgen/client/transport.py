"""What both clients tell their HTTP library."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx2

from smoothgen.client.exchange import Answer, Call
from smoothgen.errors import InvalidInput, ServerUnreachable

_QUICK_S: Final = (0.2, 1.0)
PATIENT_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses before a call is repeated: patient enough for a gateway or its Redis to be restarted."""
_LOST_ON_THE_WAY = (httpx2.ReadError, httpx2.WriteError, httpx2.CloseError, httpx2.RemoteProtocolError)
RESTARTING: Final = (502, 503, 504)
_READ_TIMEOUT_S: Final = 60.0  # longer than any long poll


def options(base_url: str, api_key: str | None) -> dict[str, Any]:
    """Returns the HTTP library's constructor arguments. Raises InvalidInput for what is no address of a server, and for
    what is no key."""
    if api_key is not None and not api_key.isascii():
        raise InvalidInput(
            "the API key has a character outside ASCII, which this client cannot send; check how it is set"
        )
    try:
        address = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise InvalidInput(f"{base_url!r:.200} is not an address: {error}", field="url") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise InvalidInput(
            f"the server's URL must begin with http:// or https:// and name a host, such as http://127.0.0.1:8000, "
            f"got {base_url!r:.200}",
            field="url",
        )
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return {"base_url": base_url, "headers": headers, "timeout": httpx2.Timeout(_READ_TIMEOUT_S, connect=5.0)}


def arguments(call: Call) -> dict[str, Any]:
    """Returns the HTTP library's arguments for this call."""
    return {"headers": dict(call.headers)} | ({} if call.body is None else {"json": call.body})


class Retries:
    """Decides for one call what to do after each try. Repeating is safe: see `Call`.

    A server that is not there is given up soon. One that went away with our call in its hands, or that holds a job of
    ours, is waited for.
    """

    def __init__(self, call: Call, base_url: object) -> None:
        self._call, self._base_url = call, base_url
        self._tries = 0
        self._pauses_s = PATIENT_S if call.patient else _QUICK_S

    def judge(self, outcome: httpx2.Response | httpx2.RequestError) -> Answer | float:
        """Returns the answer, or how many seconds to wait before the next try. Raises ServerUnreachable after the
        last."""
        self._tries += 1
        last = self._tries > len(self._pauses_s)
        if isinstance(outcome, httpx2.Response):
            if last or not self._call.patient or outcome.status_code not in RESTARTING:
                headers = outcome.headers
                return Answer(
                    outcome.status_code,
                    outcome.content,
                    _seconds(headers.get("retry-after", "")),
                    _request_id(headers.get("x-request-id", "")),
                )
        elif isinstance(outcome, _LOST_ON_THE_WAY):
            self._pauses_s = PATIENT_S
            last = self._tries > len(self._pauses_s)
        if last:
            raise ServerUnreachable(
                f"no answer from {self._base_url}: {outcome or type(outcome).__name__}; is `smoothgen serve` running?"
            )
        return self._pauses_s[self._tries - 1]


def _seconds(retry_after: str) -> float | None:
    """Returns a Retry-After in seconds; None where there is none, or a date."""
    return float(retry_after) if re.fullmatch("[0-9]{1,9}", retry_after) else None


def _request_id(header: str) -> str | None:
    """Returns an X-Request-ID as SmoothGen writes it; None for anything else, which a terminal might not take."""
    return header if re.fullmatch("[A-Za-z0-9._:-]{1,128}", header) else None
