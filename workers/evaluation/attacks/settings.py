"""What a task of kind "attacks" says: the certificate that is attacked, the attacks, and how hard they search."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from workers.evaluation.attacks.ascent import Ascent
from workers.evaluation.attacks.directions import Search

KIND: Final = "attacks"


class AttackSettings(BaseModel):
    """Settings of one task.

    robustness, parameters, context: as in a request; `parameters` of pictures default to the model's card. multiples:
    of the certified radius, at which every attack is set against the certificate; of σ where there is no radius. fresh:
    honest outputs, and as many attacked ones of each attack. alpha: of EACH lower bound. attacks: names, None for all
    that the model allows. strongest: how many attacks are measured at multiples other than 1, the strongest ones.
    search, rows, steps, restarts, pairs, directions, regression: see `Search`, `Ascent`. others: prompts that are aimed
    at. rewordings: of each kind, how many other texts are tried. wrong: what planted passages say. altered: how many of
    them are planted. runs: token sequences that are run at each multiple. seed: of the task.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    robustness: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    context: tuple[str, ...] | None = None
    multiples: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    fresh: int = Field(default=200, ge=4)
    alpha: float = Field(default=1e-3, gt=0, lt=1)
    attacks: tuple[str, ...] | None = None
    strongest: int = Field(default=1, ge=1)
    search: int = Field(default=16, ge=1)
    rows: int = Field(default=4, ge=1)
    steps: int = Field(default=6, ge=1)
    restarts: int = Field(default=1, ge=0)
    pairs: int = Field(default=4, ge=1)
    directions: int = Field(default=8, ge=1)
    regression: int = Field(default=128, ge=2)
    others: tuple[str, ...] = ()
    rewordings: int = Field(default=3, ge=0)
    wrong: str | None = None
    altered: tuple[int, ...] = (1, 2, 3)
    runs: int = Field(default=8, ge=1)
    unprotected: bool = True
    batch_size: int = Field(default=64, ge=1)
    seed: int = 0

    @property
    def how_hard(self) -> Search:
        """Returns how hard attacks on an embedding search."""
        return Search(
            ascent=Ascent(steps=self.steps, restarts=self.restarts),
            rows=self.rows,
            pairs=self.pairs,
            directions=self.directions,
            regression=self.regression,
            others=self.others,
        )
