"""The prompts of a plan: written in it, or read from a file of lines, of JSON lines, of captions or of articles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smoothgen.errors import InvalidInput


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
    {"prompt", "context"} a line; .json a file of MS-COCO captions; .parquet WikiText. first: how many are taken.
    words: for WikiText, the words of an article that are the prompt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path
    first: int | None = Field(default=None, ge=1)
    words: int = Field(default=32, ge=1)


def prompts_of(given: tuple[GivenPrompt, ...] | PromptSource, folder: Path) -> list[GivenPrompt]:
    """Returns the prompts, each once, in their order. folder: where a file of prompts is looked for.

    Raises InvalidInput for a file that is not there, cannot be read, or holds no prompts.
    """
    if isinstance(given, PromptSource):
        file = folder / given.file
        reader = _READERS.get(file.suffix)
        if reader is None:
            raise InvalidInput(f"{file} is no file of prompts; it must end in {', '.join(_READERS)}", field="prompts")
        if not file.exists():
            raise InvalidInput(f"{file} does not exist; put the file of prompts there", field="prompts")
        found = reader(file, given)
    else:
        found = list(given)
    found = list(dict.fromkeys(found))
    if not found:
        raise InvalidInput(f"{given!r:.200} holds no prompts", field="prompts")
    return found[: given.first] if isinstance(given, PromptSource) else found


def _lines(file: Path, source: PromptSource) -> list[GivenPrompt]:
    del source
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [GivenPrompt(prompt=line) for line in lines if line and not line.startswith("#")]


def _json_lines(file: Path, source: PromptSource) -> list[GivenPrompt]:
    del source
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


def _captions(file: Path, source: PromptSource) -> list[GivenPrompt]:
    """Returns one caption a picture: the annotations of captions_val2017.json and files of its shape."""
    del source
    try:
        annotations = json.loads(file.read_text(encoding="utf-8"))["annotations"]
        captions: dict[Any, str] = {}
        for each in annotations:
            captions.setdefault(each["image_id"], " ".join(str(each["caption"]).split()))
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{file} is no file of MS-COCO captions ({error!r:.80}): it needs a list 'annotations' of "
            "{'image_id', 'caption'}",
            field="prompts",
        ) from error
    return [GivenPrompt(prompt=caption) for caption in captions.values() if caption]


def _articles(file: Path, source: PromptSource) -> list[GivenPrompt]:
    """Returns the first words of every paragraph of a WikiText parquet file that is long enough."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InvalidInput(f"{file} needs the package pyarrow: pip install pyarrow", field="prompts") from error
    found = []
    for line in parquet.read_table(file, columns=["text"])["text"].to_pylist():
        words = str(line).split()
        if len(words) > source.words and words[0] != "=":  # headings stand between equals signs
            found.append(GivenPrompt(prompt=" ".join(words[: source.words])))
    return found


_READERS: Final[Mapping[str, Callable[[Path, PromptSource], list[GivenPrompt]]]] = MappingProxyType(
    {".txt": _lines, ".jsonl": _json_lines, ".json": _captions, ".parquet": _articles}
)
