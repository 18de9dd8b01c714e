"""JSON objects of a request that its certificate records as they are."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, JsonValue

from smoothgen.certificates.format.json_data import DEEPEST_OPTIONS, require_plain
from smoothgen.errors import InvalidCertificate


def _require_recordable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Returns the value. Raises ValueError for what no reader of certificates would take, naming the place in it."""
    try:
        require_plain(value, DEEPEST_OPTIONS)
    except InvalidCertificate as error:
        raise ValueError(f"the certificate records it, and {error}; change it there") from error
    return value


Recorded = Annotated[dict[str, JsonValue], AfterValidator(_require_recordable)]
"""A JSON object with numbers of 64 bits and bounded depth, as documents of certificates are read."""
