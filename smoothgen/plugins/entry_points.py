"""Finding and loading plug-ins that are installed, and digesting what was loaded."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from smoothgen.certificates.meaning import metrics as meaning
from smoothgen.errors import InvalidPlugin, UnknownName

SCORES: Final = "smoothgen.scores"
"""The group of entry points that name scores."""
METRICS: Final = "smoothgen.metrics"
"""The group of entry points that name output metrics."""
GENERATORS: Final = "smoothgen.generators"
"""The group of entry points that name generators."""
FAULTS: Final = (Exception, SystemExit)
"""What a plug-in's code may raise that is its own fault: `sys.exit` there ends a call, not the worker."""
_IN_THE_BOX: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        SCORES: frozenset(
            {"pattern", "json_schema", "length", "similarity", "verdict", "profanity", "clip_similarity", "plugin"}
        ),
        METRICS: frozenset({*meaning.METRICS, "plugin"}),
    }
)
"""Names that a plug-in may not take: readers of a certificate would take one for the other."""
_COMPILED: Final = "__pycache__"


@dataclass(frozen=True)
class Loaded:
    """A plug-in's factory, and the digest of the code it comes from. distribution: name and version, "" if unknown."""

    name: str
    factory: Any
    digest: str
    distribution: str


def names(group: str = SCORES) -> list[str]:
    """Returns the names of the plug-ins that are installed here, sorted. Loads none of them."""
    return sorted(entry_points(group=group).names)


@lru_cache(maxsize=64)
def load(name: str, group: str = SCORES, field: str | None = None) -> Loaded:
    """Returns an installed plug-in, loaded once a process. field: where a request names it, for the error.

    Raises UnknownName where none of this name is installed, InvalidPlugin where two are, where it takes the name of one
    in the box, or where it cannot be loaded.
    """
    found = {
        (point.value, point.dist.name if point.dist else ""): point for point in entry_points(group=group, name=name)
    }
    if not found:
        raise UnknownName(f"plug-in of {group}", name, names(group), field=field)
    if name in _IN_THE_BOX.get(group, ()):
        raise InvalidPlugin(
            f"plug-in {name!r} of {group} takes the name of one in the box; its author can give the entry point "
            "another name",
            field=field,
        )
    if len(found) > 1:
        brought = ", ".join(sorted(f"{value} of {package or 'an unnamed package'}" for value, package in found))
        raise InvalidPlugin(
            f"plug-in {name!r} of {group} is installed {len(found)} times ({brought}); uninstall all but one",
            field=field,
        )
    [point] = found.values()
    try:
        factory = point.load()
    except FAULTS as error:
        raise InvalidPlugin(
            f"plug-in {name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}; the server's "
            "operator can mend or uninstall it",
            field=field,
        ) from error
    dist = point.dist
    return Loaded(name, factory, _digest(point), "" if dist is None else f"{dist.name} {dist.version}")


def _digest(point: EntryPoint) -> str:
    """Returns a sha256 over the files of the top-level package, or over the one module, that the plug-in comes from.

    Compiled files are left out. What the plug-in reads from elsewhere is not covered.
    """
    top = point.module.partition(".")[0]
    spec = importlib.util.find_spec(top)
    origin = None if spec is None else spec.origin
    if origin is None:
        raise InvalidPlugin(f"plug-in {point.name!r} comes from {top!r}, which has no file to digest")
    root = Path(origin)
    folder = root.parent if root.name == "__init__.py" else None
    files = (
        [root] if folder is None else sorted(f for f in folder.rglob("*") if f.is_file() and _COMPILED not in f.parts)
    )
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder or root.parent).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"
