"""Sets of edits of a text, "edits/v1": what a typist's slip, another layout or a synonym makes of it
(docs/theory/edits.md)."""

from smoothgen.certificates.edits import KINDS
from smoothgen.edits.edit_set import MOST_CHARACTERS, MOST_TEXTS, EditSet, edit_set_of
from smoothgen.edits.verify import verify_with_prompt

__all__ = ["KINDS", "MOST_CHARACTERS", "MOST_TEXTS", "EditSet", "edit_set_of", "verify_with_prompt"]
