"""What a feature map is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidPrompt


class FeatureMap(Protocol):
    """f: texts, or pictures as uint8 (height, width, 3), → the unit sphere."""

    @property
    def name(self) -> str:
        """Which encoder, for certificates."""
        ...

    def features(self, contents: Sequence[Any], /) -> NDArray[np.float64]:
        """Unit-norm features, shape (len(contents), k). A row the encoder cannot compute is NaN."""
        ...


class PromptReader(FeatureMap, Protocol):
    """A text encoder whose features are a model's condition. It cuts longer texts, as outputs are compared."""

    @property
    def longest_tokens(self) -> int | None:
        """How many tokens it reads, None for all."""
        ...

    def tokens(self, text: str, /) -> int:
        """How many tokens the text has."""
        ...


def require_whole(reader: PromptReader, text: str, field: str) -> None:
    """Raises InvalidPrompt for a text of which the encoder would read only the beginning."""
    count = reader.tokens(text)
    if reader.longest_tokens is not None and count > reader.longest_tokens:
        raise InvalidPrompt(
            f"the {field} has {count} tokens and the text encoder reads {reader.longest_tokens}; shorten it",
            field=field,
        )


class Classifier(FeatureMap, Protocol):
    """A network that gives features of pictures and names what they show."""

    def verdicts(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[str]:
        """What each picture shows."""
        ...
