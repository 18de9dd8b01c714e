"""Where texts end that a request gives stops for. A function of the text, so certificates hold for what is left."""

from __future__ import annotations

from collections.abc import Sequence


def cut(text: str, stops: Sequence[str] | None) -> tuple[str, bool]:
    """Returns the text before the first of its stops, and whether one was found in it."""
    stopped = min((text.find(stop) for stop in stops or () if stop in text), default=None)
    return text[:stopped], stopped is not None
