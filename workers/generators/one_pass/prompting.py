"""What stands before a one-pass network, a trained text head, and behind it, a picture classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.features.picture_classifier import ClassifierNetwork, PictureClassifier
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.pipeline_digest import judge_name
from workers.generators.diffusion.prompts import HeadPrompts
from workers.generators.diffusion.text_head import TextHead
from workers.generators.model_digest import model_digest
from workers.loading.device import torch_device
from workers.settings import Settings


@dataclass(frozen=True)
class Prompting:
    """A text head with its sentence encoder, and the classifier of the pictures, None where the model has none."""

    prompts: HeadPrompts
    classifier: PictureClassifier | None
    head: TextHead
    encoder: str

    def digest(self, tensors: Mapping[str, Any], content: Mapping[str, Any]) -> str:
        """Returns the digest of a model of this head and encoder, a network's tensors and all else that shapes it."""
        of_head = {f"text_head.{key}": tensor for key, tensor in self.head.state_dict().items()}
        stated = {"encoder": self.encoder, "corners": self.head.sizes, **content}
        return model_digest({**tensors, **of_head}, stated)


@dataclass(frozen=True)
class HeadFiles:
    """A text head as its folder holds it, and the classifier, None where there is none."""

    head: TextHead
    judge: ClassifierNetwork | None

    @classmethod
    def read(cls, folder: Path, config: Mapping[str, Any], *, width: int) -> HeadFiles:
        """Reads the head, and the judge if one is named, whose paths from the folder the configuration gives.

        width: how many numbers the network takes. Raises ValueError for a head of another width, and what broken files
        raise.
        """
        head = TextHead.load(folder / config["text_head"])
        if head.width != width:
            raise ValueError(f"the text head gives {head.width} numbers and the network takes {width}")
        return cls(head, ClassifierNetwork.load(folder / config["judge"]) if "judge" in config else None)

    def prompting(self, name: str, settings: Settings) -> Prompting:
        """Returns head and judge on their device. Raises OSError for a head that was trained on another sentence
        encoder than the installed one. name: the model's, for that error."""
        device = torch_device(settings)
        encoder = SentenceEncoder.packaged(device)
        if encoder.name != self.head.config.encoder:
            raise OSError(
                f"the text head of model {name!r} was trained on {self.head.config.encoder}, and installed is "
                f"{encoder.name}: install that version"
            )
        classifier = None if self.judge is None else PictureClassifier(self.judge, judge_name(self.judge), device)
        return Prompting(HeadPrompts(encoder, self.head), classifier, self.head, encoder.name)
