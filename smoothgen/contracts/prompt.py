"""What a prompt may be, whether it is generated from, compared, or one of a client's own variants."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

LONGEST_PROMPT: Final = 32_768


def _printable(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("the prompt is blank; send at least one visible character")
    if "\0" in prompt:
        raise ValueError(f"the prompt carries a NUL character at position {prompt.index(chr(0))}; remove it")
    return prompt


Prompt = Annotated[str, Field(min_length=1, max_length=LONGEST_PROMPT), AfterValidator(_printable)]
