"""How long Redis may take to answer."""

from __future__ import annotations

from typing import Final

ANSWER_TIMEOUT_S: Final = 5.0
"""Seconds; longer than any BLOCK used with it."""
