"""The passages of a request, as files give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smoothgen.certificates.format.document import parse_json
from smoothgen.errors import InvalidCertificate, InvalidInput


def read_context(files: Sequence[Path]) -> list[str]:
    """Returns the passages of the files, in order: each file is one passage, and one whose name ends in .json a list of
    them.

    White space at the ends of a passage is left out. Raises InvalidInput for a file that is not UTF-8 text, or no list
    of strings; OSError.
    """
    return [passage.strip() for file in files for passage in _passages(file)]


def _passages(file: Path) -> list[str]:
    if file.suffix != ".json":
        try:
            return [file.read_text(encoding="utf-8")]
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{file}: no UTF-8 text: {error}; give a text file", field="context") from error
    try:
        listed = parse_json(file.read_bytes())
    except InvalidCertificate as error:
        raise InvalidInput(f"{file}: {error}; give a JSON list of passages", field="context") from error
    if not isinstance(listed, list) or not all(isinstance(passage, str) for passage in listed):
        raise InvalidInput(f"{file}: must be a JSON list of strings, one a passage", field="context")
    return listed
