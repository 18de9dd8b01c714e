"""Train the shipped text-to-image model and its judge: python -m workers.training (or `make train`).

Four stages, each a function of the seed, each skipped where its folder already stands under --output.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from workers.features.picture_classifier import ClassifierNetwork
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.loading import SERVING
from workers.research.wordnet_files import WORDNET
from workers.training.autoencoder import train_autoencoder
from workers.training.caption_words import caption_words
from workers.training.captions import known_captions, unplaced_captions
from workers.training.denoiser import train_denoiser
from workers.training.foreign import foreign_captions
from workers.training.head import train_head
from workers.training.judge import accuracy, train_judge
from workers.training.negations import denied_captions
from workers.training.pictures import DATA, load_garments

_UNPLACED_CAPTIONS = 16_000
_FOREIGN_CAPTIONS = 10_000
_SERVING: Final = {
    "description": "Fashion-MNIST garments in eight colours, 32×32; trained with noise on its 16-dimensional condition",
    "revision": "2",
    "default_sigma": 0.2,
    "default_betas": {"embedding-per-step": 0.4, "latent-schedule": 0.3},
    "image": {"num_inference_steps": 20, "guidance_scale": 4.0, "smallest_side": 32, "largest_side": 32},
}
"""The defaults with which the model is served; docs/models.md has the measurements behind the numbers."""


def main() -> int:
    """Runs the stages that are missing."""
    parser = argparse.ArgumentParser(prog="python -m workers.training", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("fashion-32"), help="a folder; its stages are kept")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of Fashion-MNIST's four files")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="the folder of WordNet's database files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="part of what makes a run repeatable")
    parser.add_argument("--autoencoder-steps", type=int, default=5000)
    parser.add_argument("--head-steps", type=int, default=3000)
    parser.add_argument("--judge-steps", type=int, default=3000)
    parser.add_argument("--denoiser-steps", type=int, default=18_000)
    given = parser.parse_args()
    started = time.monotonic()
    try:
        _train(given)
    except FileNotFoundError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    print(f"written to {given.output} in {(time.monotonic() - started) / 60:.1f} minutes")
    return 0


def _train(given: argparse.Namespace) -> None:
    output: Path = given.output
    data = load_garments(given.data, "train")
    common = {"seed": given.seed, "threads": given.threads}
    if not (output / "vae").is_dir():
        train_autoencoder(data, count=given.autoencoder_steps, **common).save_pretrained(output / "vae")
    if not (output / "text_head").is_dir():
        captions = [
            *known_captions(),
            *unplaced_captions(given.wordnet, count=_UNPLACED_CAPTIONS, seed=given.seed),
            *foreign_captions(given.wordnet, count=_FOREIGN_CAPTIONS, seed=given.seed),
            *denied_captions(seed=given.seed),
        ]
        head = train_head(SentenceEncoder.packaged(), captions, count=given.head_steps, **common)
        head.caption_words = caption_words()
        head.save(output / "text_head")
    if not (output / "judge").is_dir():
        judge = train_judge(data, count=given.judge_steps, seed=given.seed + 1, threads=given.threads)
        judge.save(output / "judge")
    garment, colour = accuracy(
        ClassifierNetwork.load(output / "judge"), load_garments(given.data, "t10k"), seed=given.seed
    )
    print(f"judge on pictures held out: garment {garment:.1%}, colour {colour:.1%}")
    if not (output / "unet").is_dir():
        autoencoder = AutoencoderKL.from_pretrained(output / "vae", use_safetensors=True).eval()
        unet, scheduler = train_denoiser(data, autoencoder, count=given.denoiser_steps, **common)
        assemble(autoencoder, unet, scheduler, output)


def assemble(autoencoder: AutoencoderKL, unet: UNet2DConditionModel, scheduler: DDIMScheduler, output: Path) -> None:
    """Writes a diffusers pipeline folder, without text encoder and tokenizer. The text head replaces both."""
    StableDiffusionPipeline(
        vae=autoencoder,
        unet=unet,
        scheduler=scheduler,
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(output, safe_serialization=True)
    (output / SERVING).write_text(json.dumps(_SERVING, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
