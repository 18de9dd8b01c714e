"""Stage 4: the classifier of garment and colour, independent of the generator: own weights, own seed, no latents."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know

from workers.features.picture_classifier import ClassifierNetwork
from workers.training.pictures import Garments, tint
from workers.training.stage import begin, steps
from workers.training.vocabulary import COLOURS, GARMENTS

_BATCH = 128


def train_judge(data: Garments, *, count: int, seed: int, threads: int) -> ClassifierNetwork:
    """Returns a classifier trained by cross-entropy on shifted and softened pictures: it judges shapes, not the
    camera's sharpness."""
    generator = begin(seed, threads)
    network = ClassifierNetwork({"garment": list(GARMENTS), "colour": list(COLOURS)}).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=5e-2)
    for step, bar in steps("judge", count, optimiser):
        rows = torch.randint(len(data.kinds), (_BATCH,), generator=generator)
        colours = torch.randint(len(COLOURS), (_BATCH,), generator=generator)
        pictures = _disturb(tint(data.grey[rows], colours), generator)
        _, (garment, colour) = network(pictures)
        loss = F.cross_entropy(garment, data.kinds[rows], label_smoothing=0.05) + F.cross_entropy(colour, colours)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % 20 == 0:
            bar.set_postfix(garments=f"{(garment.argmax(1) == data.kinds[rows]).float().mean().item():.3f}")
    return network.eval()


def accuracy(network: ClassifierNetwork, data: Garments, *, seed: int) -> tuple[float, float]:
    """Returns the shares of pictures whose garment, and whose colour, is recognised."""
    colours = torch.randint(len(COLOURS), (len(data.kinds),), generator=torch.Generator().manual_seed(seed))
    right = torch.zeros(2)
    with torch.inference_mode():
        for start in range(0, len(colours), 500):
            part = slice(start, start + 500)
            _, (garment, colour) = network(tint(data.grey[part], colours[part]))
            right[0] += (garment.argmax(1) == data.kinds[part]).sum()
            right[1] += (colour.argmax(1) == colours[part]).sum()
    return right[0].item() / len(colours), right[1].item() / len(colours)


def _disturb(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Returns a batch shifted by up to two pixels, and half the time blurred."""
    down, right, blur = (int(torch.randint(high, (1,), generator=generator)) for high in (5, 5, 2))
    shifted = F.pad(pictures, (2, 2, 2, 2), value=-1.0)[:, :, down : down + 32, right : right + 32]
    return F.avg_pool2d(F.pad(shifted, (1, 1, 1, 1), mode="replicate"), 3, stride=1) if blur else shifted
