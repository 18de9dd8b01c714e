"""How tests run models."""

from __future__ import annotations

from typing import Final

from workers.settings import Settings

CPU: Final = Settings(device="cpu")
