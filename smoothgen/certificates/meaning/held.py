"""Words for what is held fixed of any prompt that a language model reads, and for a chat template without tokens."""

from __future__ import annotations

import hashlib
import re
from typing import Final

MASK: Final = "attention mask and positions"
TEMPLATE: Final = re.compile(r"chat template \(([1-9][0-9]{0,9}) tokens\)")
EMPTY_TEMPLATE: Final = "sha256:" + hashlib.sha256(b'{"after":[],"before":[]}').hexdigest()
"""The digest of a chat template that puts no token around the prompt, over its canonical JSON."""


def held_template(tokens: int) -> list[str]:
    """Returns the words for a chat template that puts so many tokens around a prompt, an empty list where it puts
    none."""
    return [f"chat template ({tokens} tokens)"] if tokens else []
