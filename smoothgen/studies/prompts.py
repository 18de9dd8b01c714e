"""The prompts of a plan: written in it, or read from a file of lines, of JSON lines, of captions or of articles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smoothgen.errors import InvalidInput
from smoothgen.studies.data_sets import WORDS, read_prompts


class GivenPrompt(BaseModel):
    """A prompt, and the passages it is asked over where there are any. A plain string is a prompt without any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(min_length=1)
    context: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, given: Any) -> Any:
        return {"prompt": given} if isinstance(given, str) else given


class PromptSource(BaseModel):
    """Prompts of a file.

    file: beside the plan, or an absolute path. Its ending says what it is: .txt one prompt a line; .jsonl one
    {"prompt", "context"} a line; .json MS-COCO captions; .parquet WikiText. first: how many are taken, of captions and
    articles by the plan's seed. words: of WikiText, the words of a paragraph that are the prompt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path
    first: int | None = Field(default=None, ge=1)
    words: int = Field(default=WORDS, ge=1)


def prompts_of(given: tuple[GivenPrompt, ...] | PromptSource, folder: Path, seed: int) -> list[GivenPrompt]:
    """Returns the prompts, each once. folder: where a file of prompts is looked for. seed: decides which prompts of a
    data set are taken.

    Raises InvalidInput for a file that is not there, cannot be read, or holds no prompts.
    """
    found = _read(given, folder / given.file, seed) if isinstance(given, PromptSource) else list(given)
    found = list(dict.fromkeys(found))
    if not found:
        raise InvalidInput(f"{given!r:.200} holds no prompts", field="prompts")
    return found


def _read(source: PromptSource, file: Path, seed: int) -> list[GivenPrompt]:
    if not file.is_file():
        raise InvalidInput(f"{file} is no file; put the plan's prompts there", field="prompts")
    if file.suffix == ".txt":
        return _lines(file)[: source.first]
    if file.suffix == ".jsonl":
        return _json_lines(file)[: source.first]
    if source.first is None:
        raise InvalidInput(f"say how many prompts of {file} are taken: first = 8", field="prompts.first")
    return [GivenPrompt(prompt=text) for text in read_prompts(file, source.first, seed, words=source.words).texts]


def _lines(file: Path) -> list[GivenPrompt]:
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [GivenPrompt(prompt=line) for line in lines if line and not line.startswith("#")]


def _json_lines(file: Path) -> list[GivenPrompt]:
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                found.append(GivenPrompt.model_validate_json(line))
            except ValidationError as error:
                raise InvalidInput(
                    f"{file}:{number} is no prompt: {error.errors()[0]['msg']}", field="prompts"
                ) from error
    return found
