"""Shapes of noise learnt for a model: long where paraphrases differ, short where they do not.

A shape is learnt once from public prompts and stored, so no request's prompt influences it. Any shape is sound. Which
shape is useful is a matter of measurement (benchmarks/shape.py, docs/models.md).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from smoothgen.contracts.base import Contract
from smoothgen.errors import InvalidInput, InvalidParameters
from smoothgen.mechanisms import Shape
from smoothgen.mechanisms.shape import MOST_DIMENSIONS
from workers.stored.calibrations import DATA, file_name

SHRINKAGE: Final = 0.5
"""The share of the identity in the matrix that a shape is made of. One half is a round number, fitted to nothing. With
it the half-axes of any shape in d dimensions are at most (d + 1)^(1/4) times one another, however few the pairs."""


class StoredShape(Contract):
    """A shape as its file holds it.

    sigma: the level at which the shaped noise moves outputs as far as round noise of level `matched_sigma` does.
    displacement: that distance in `metric`, the mean over the prompts.
    """

    shape: dict[str, Any]
    sigma: float = Field(gt=0, allow_inf_nan=False)
    matched_sigma: float
    metric: str
    displacement: float
    shrinkage: float
    pairs: int
    prompts: int
    probes: int
    seed: str
    parameters: dict[str, int | float | bool | str | None]

    @property
    def noise_shape(self) -> Shape:
        """Returns the shape itself. Raises InvalidCertificate where the stored numbers are no shape."""
        return Shape.from_dict(self.shape)


def shape_file(model: str) -> str:
    """Returns the file of a model's shape, which lies beside its calibrations."""
    return file_name(model).removesuffix(".json") + ".shape.json"


def pairs_file(model: str) -> Path:
    """Returns the shipped pairs of paraphrases from which a model's shape was learnt; None where there are none."""
    return DATA / (file_name(model).removesuffix(".json") + ".pairs.tsv")


def load_shape(model: str, folder: Path | None) -> StoredShape | None:
    """Returns the folder's shape where it has one for this model, else the shipped one, else None. Raises OSError for a
    file that holds none."""
    for place in (folder, DATA):
        if place is not None and (path := place / shape_file(model)).is_file():
            try:
                stored = StoredShape.model_validate_json(path.read_text(encoding="utf-8"))
                _ = stored.noise_shape
            except ValueError as error:  # pydantic's and ours both
                reason = " ".join(str(error).split())[:300]
                raise OSError(
                    f"{path} holds no noise shape ({reason}); learn it again with `smoothgen calibrate --shape`"
                ) from error
            return stored
    return None


def save_shape(model: str, stored: StoredShape, folder: Path) -> Path:
    """Writes a model's shape and returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / shape_file(model)
    path.write_text(json.dumps(stored.model_dump(), indent=1) + "\n", encoding="utf-8")
    return path


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Reads pairs of paraphrases, two tab-separated prompts on a line. Raises InvalidParameters naming the line,
    OSError."""
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        prompts = [prompt.strip() for prompt in line.split("\t")]
        if len(prompts) != 2 or not all(prompts):
            raise InvalidParameters(f"{path}, line {number}: two prompts with a tab between, got {line!r:.120}")
        pairs.append((prompts[0], prompts[1]))
    if not pairs:
        raise InvalidParameters(f"{path} holds no pairs of paraphrases; write two tab-separated prompts a line")
    return pairs


def second_moment(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the mean of vvᵀ over the rows of an array (n, d), shape (d, d)."""
    moment: NDArray[np.float64] = vectors.T @ vectors / len(vectors)
    return moment


def shrunk(moment: NDArray[np.float64], shrinkage: float = SHRINKAGE) -> NDArray[np.float64]:
    """Returns (1 − λ)·S·d/tr(S) + λ·I. The scale of S is dropped, and no direction keeps less than λ of the average
    one.

    Raises InvalidParameters where there is nothing to learn from.
    """
    trace = float(np.trace(moment))
    if not (np.isfinite(moment).all() and trace > 0):
        raise InvalidParameters(
            f"nothing to learn a shape from: the mean square is {trace!r}; give pairs of different prompts that the "
            "model takes for paraphrases"
        )
    towards: NDArray[np.float64] = (1 - shrinkage) * moment * (len(moment) / trace) + shrinkage * np.eye(len(moment))
    return towards


def learn_shape(name: str, differences: NDArray[np.float64]) -> Shape:
    """Returns A of determinant 1 with AAᵀ ∝ S^(1/2), where S is the shrunk second moment of `differences`: x − x' of
    paraphrases, shape (n, d).

    The trace of Σ is the mean square length of noise, and tr(Σ⁻¹S) is the mean square norm of a paraphrase's
    difference. Of all Σ with one trace, a multiple of S^(1/2) has the least tr(Σ⁻¹S). Raises InvalidParameters where
    the differences say nothing.
    """
    return shape_of(name, _root(shrunk(second_moment(differences))))


def shape_of(name: str, covariance: NDArray[np.float64]) -> Shape:
    """Returns the shape of a covariance, scaled to determinant 1."""
    return Shape.of(name, np.linalg.cholesky(covariance).astype(np.float64))


def require_learnable(model: str, sizes: Sequence[int]) -> int:
    """Returns the one size of x. Raises InvalidParameters where prompts differ in size, or where x is too large for a
    shape."""
    if len(set(sizes)) != 1:
        raise InvalidParameters(
            f"model {model!r} gives prompts of {min(sizes)} to {max(sizes)} numbers, and a noise shape needs one size; "
            "use mechanism 'embedding'"
        )
    if sizes[0] > MOST_DIMENSIONS:
        raise InvalidParameters(
            f"model {model!r} conditions on {sizes[0]} numbers, and a noise shape takes at most {MOST_DIMENSIONS}; use "
            "mechanism 'embedding'"
        )
    return sizes[0]


def require_pictures(model: str, *, makes_pictures: bool) -> None:
    """Raises InvalidInput for a language model, whose x has as many numbers as the prompt has tokens."""
    if not makes_pictures:
        raise InvalidInput(
            f"model {model!r} takes token states, of another length for every prompt, so there is no one noise shape "
            "for it; use mechanism 'embedding'"
        )


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the symmetric square root of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
