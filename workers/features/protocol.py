"""The protocols of feature maps, prompt readers and classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidPrompt


class FeatureMap(Protocol):
    """A map f from texts, or from pictures as uint8 (height, width, 3), to the unit sphere."""

    @property
    def name(self) -> str:
        """Returns the encoder's name for certificates."""
        ...

    def features(self, contents: Sequence[Any], /) -> NDArray[np.float64]:
        """Returns unit-norm features, shape (len(contents), k). A row that the encoder cannot compute is NaN."""
        ...


class PictureText(Protocol):
    """A model that maps pictures and texts to one unit sphere."""

    @property
    def name(self) -> str:
        """Returns the model's name for certificates."""
        ...

    def features(self, pictures: Sequence[Any], /) -> NDArray[np.float64]:
        """Returns unit-norm features of pictures, shape (len(pictures), k)."""
        ...

    def text_feature(self, text: str, /) -> NDArray[np.float64]:
        """Returns the unit-norm feature of a text, shape (k,). Raises InvalidClaim for one that it would cut off."""
        ...


class PromptReader(FeatureMap, Protocol):
    """A text encoder whose features are a model's condition. The encoder cuts texts that are longer than its longest
    one."""

    @property
    def longest_tokens(self) -> int | None:
        """Returns the number of tokens that the encoder reads; None where there is no limit."""
        ...

    def tokens(self, text: str, /) -> int:
        """Returns the number of tokens of the text."""
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
        """Returns the name of what each picture shows."""
        ...
