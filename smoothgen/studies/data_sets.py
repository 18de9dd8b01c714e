"""Prompts from public data sets: MS-COCO captions as their JSON file, WikiText as parquet, or a text file.

A set names the digest of its file, so that a report says which prompts were asked, and nobody has to ship them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smoothgen.errors import InvalidInput, SmoothGenError

WORDS: Final = 12
"""Words of a paragraph that are its prompt."""
_LEAST_WORDS_LEFT: Final = 8
"""A paragraph needs so many words beyond its prompt: headings and scraps are no prompts."""
_JOINED: Final = {" @-@ ": "-", " @,@ ": ",", " @.@ ": "."}
"""How WikiText spells a hyphen, a comma and a point inside a word."""

Form = Literal["coco-captions", "wikitext", "lines"]


class Prompt(BaseModel):
    """A prompt, and what people wrote instead of it: the other captions of the same picture."""

    model_config = ConfigDict(frozen=True)

    text: str
    paraphrases: tuple[str, ...] = ()


class PromptSet(BaseModel):
    """Prompts that were chosen from a file.

    form: what the file was read as. digest: of the whole file, "sha256:…". available: how many prompts it holds. seed:
    which of them were chosen.
    """

    model_config = ConfigDict(frozen=True)

    form: Form
    digest: str
    available: int
    seed: int
    prompts: tuple[Prompt, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Returns the prompts alone."""
        return tuple(prompt.text for prompt in self.prompts)


class _Caption(BaseModel):
    id: int
    image_id: int
    caption: str


class _Captions(BaseModel):
    annotations: list[_Caption] = Field(min_length=1)


def read_prompts(source: Path, limit: int, seed: int, *, words: int = WORDS) -> PromptSet:
    """Returns at most `limit` prompts of a file, chosen by (seed, prompt) and by nothing else.

    source: a `.json` of COCO's captions form (`captions_val2017.json`), a `.parquet` with a column `text` as WikiText
    has, or a `.txt` with a prompt a line. words: of WikiText's paragraphs, how many begin the prompt. The same prompt
    comes once. Raises InvalidInput for another ending, for a file of another form, for one without a prompt and for a
    limit below 1; OSError for one that cannot be read; SmoothGenError without pyarrow.
    """
    if limit < 1 or words < 1:
        raise InvalidInput(f"limit and words must be at least 1, got {limit!r} and {words!r}", field="limit")
    readers: dict[str, tuple[Form, Callable[[Path], Sequence[Prompt]]]] = {
        ".json": ("coco-captions", _captions),
        ".parquet": ("wikitext", lambda path: _paragraphs(path, words)),
        ".txt": ("lines", _lines),
    }
    if source.suffix not in readers:
        raise InvalidInput(
            f"prompts are read from .json (COCO captions), .parquet (WikiText) or .txt (a prompt a line), got {source}",
            field="source",
        )
    form, read = readers[source.suffix]
    found = list({prompt.text: prompt for prompt in read(source)}.values())
    if not found:
        raise InvalidInput(f"{source} holds no prompt that can be asked", field="source")
    chosen = sorted(found, key=lambda prompt: hashlib.sha256(f"{seed}:{prompt.text}".encode()).digest())[:limit]
    return PromptSet(form=form, digest=_digest(source), available=len(found), seed=seed, prompts=tuple(chosen))


def _captions(path: Path) -> list[Prompt]:
    """Returns a prompt for each picture: its first caption, the others as paraphrases."""
    try:
        found = _Captions.model_validate(json.loads(path.read_bytes()))
    except (ValidationError, ValueError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidInput(
            f"{path} is not of COCO's captions form, an object whose `annotations` have id, image_id and caption: "
            f"{first}",
            field="source",
        ) from error
    of_picture: dict[int, list[str]] = {}
    for one in sorted(found.annotations, key=lambda annotation: annotation.id):
        if text := " ".join(one.caption.split()):
            of_picture.setdefault(one.image_id, []).append(text)
    return [
        Prompt(text=first, paraphrases=tuple(dict.fromkeys(other for other in others if other != first)))
        for first, *others in of_picture.values()
    ]


def _paragraphs(path: Path, words: int) -> list[Prompt]:
    """Returns the first words of each paragraph that is long enough; headings (` = Title = `) are none."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise SmoothGenError("parquet files are read with pyarrow: pip install 'smoothgen[evaluate]'") from error
    try:
        with path.open("rb") as file:  # pyarrow's own message for a file that is not there names no file
            column = parquet.ParquetFile(file).read(columns=["text"]).column("text").to_pylist()
    except (ArrowException, KeyError) as error:
        raise InvalidInput(f"{path} is no parquet file with a column `text`: {error}", field="source") from error
    texts = [_spelled(text).split() for text in column if isinstance(text, str) and not text.lstrip().startswith("=")]
    return [Prompt(text=" ".join(of[:words])) for of in texts if len(of) >= words + _LEAST_WORDS_LEFT]


def _lines(path: Path) -> list[Prompt]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8: {error}", field="source") from error
    return [Prompt(text=line.strip()) for line in text.splitlines() if line.strip()]


def _spelled(text: str) -> str:
    for sign, meant in _JOINED.items():
        text = text.replace(sign, meant)
    return text


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
