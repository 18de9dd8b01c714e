"""The models that a worker serves unless it is told others."""

from __future__ import annotations

from typing import Final

DEFAULT_MODELS: Final = ["smollm2-135m", "fashion-32", "closed-form-tanh"]
"""Names in `workers.generators.registry`, all of whose weights come with the project or its dependencies."""
