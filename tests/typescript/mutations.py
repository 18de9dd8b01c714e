"""Changes of a certificate's document, one at a time, sealed again so that digests do not give them away."""

import base64
import copy
import hashlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

from smoothgen.certificates import to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.stored import read_certificate
from smoothgen.errors import InvalidCertificate, InvalidInput

LONGEST_LIST = 6
"""Of longer lists the first, the last and some members between are changed."""


def mutations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields what was changed and the changed document, for every leaf, field and list of a document."""
    for path, value in places(document):
        name = ".".join(map(str, path))
        for number, changed in enumerate(changes(value)):
            yield f"{name} #{number}", sealed(replaced(document, path, changed))
        if isinstance(value, dict):
            yield f"{name} +", sealed(replaced(document, path, {**value, "added": 1}))
        if path:
            yield f"{name} dropped", sealed(dropped(document, path))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        chosen = range(len(value))
        if len(value) > LONGEST_LIST:
            chosen = sorted({0, 1, len(value) // 2, len(value) - 1})
        for index in chosen:
            yield from places(value[index], (*path, index))


def changes(value: Any) -> list[Any]:
    """Returns what a value is changed to."""
    if isinstance(value, bool):
        return [not value, int(value), None, "x"]
    if isinstance(value, int):
        return [value + 1, value - 1, -value, float(value), 0, 2**40, True, None, str(value)]
    if isinstance(value, float):
        unit = 10.0 ** (math.floor(math.log10(abs(value))) - 8) if value else 1e-9
        steps = [value + unit, value - unit, value + 2 * unit, value - 2 * unit, round(value + unit, 15)]
        ulps = [math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
        return [*steps, *ulps, value * (1 + 1e-6), value / 2, value * 2, -value, 0.0, 0, 1, True, None, repr(value)]
    if isinstance(value, str):
        return [value + " ", value[:-1], value.upper(), "", "x", f"plugin:{value}", value + "'", None, 1, [value]]
    if isinstance(value, list):
        return [[], value[:-1], value + value[-1:], value[::-1], None, {}]
    if isinstance(value, dict):
        return [{}, None, [], 1]
    return [0, 1, "x", False, [], {}]


def replaced(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    if not path:
        return value
    parent = parent_of(changed, path)
    parent[path[-1]] = value
    return changed


def dropped(document: dict[str, Any], path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(document)
    del parent_of(changed, path)[path[-1]]
    return changed


def parent_of(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def sealed(document: Any) -> Any:
    """Returns the document with the digests that its content has, as a forger would write them."""
    if not isinstance(document, dict):
        return document
    claims = document.get("claims")
    for holder in itertools.chain([document], claims if isinstance(claims, list) else []):
        evidence = holder.get("evidence") if isinstance(holder, dict) else None
        if isinstance(evidence, dict) and isinstance(evidence.get("sha256"), str) and len(evidence["sha256"]) == 71:
            seal_evidence(evidence)
    if "digest" in document and isinstance(document["digest"], str) and len(document["digest"]) == 71:
        try:
            document["digest"] = content_digest(document)
        except InvalidCertificate:
            return document
    return document


def rewritten(document: Any) -> dict[str, Any] | None:
    """Returns a changed document with its sentence, its counts and its digests as its own numbers give them, as a
    forger would write them who runs this library; None where it states no certificate."""
    try:
        return to_document(read_certificate(document))
    except (InvalidInput, KeyError, TypeError, ValueError):
        return None


def seal_evidence(evidence: dict[str, Any]) -> None:
    try:
        parts = [base64.b64decode(evidence[name]) for name in ("costs", "distances", "series") if name in evidence]
    except (TypeError, ValueError):
        return
    evidence["sha256"] = f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"
