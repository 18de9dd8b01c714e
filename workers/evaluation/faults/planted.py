"""Faulty certificates of a real model: each as the library would make it, but for one mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Evidence
from smoothgen.certificates.bounds.bands import SurvivalBand, band_by_name, clopper_pearson_upper, grid_ranks
from smoothgen.certificates.bounds.radius import BoundCurve, certified_radius
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Stream
from smoothgen.studies.falsified import CONTROL, PLANTED
from workers.distances import Centre
from workers.evaluation.attacks.claims import Claimed
from workers.evaluation.attacks.target import Target
from workers.evaluation.outputs import Output, outputs
from workers.generators import Failure
from workers.jobs.measurement import measure
from workers.serving.loaded_model import LoadedModel

Array = NDArray[np.float64]
SELECTION: Final = 50
_Build = Callable[[Array, float, float], SurvivalBand]


@dataclass(frozen=True, eq=False)
class Scene:
    """A prompt to be certified under N(0, σ²I), and what a faulty harness could confuse it with.

    others: the model with other weights, as a worker that was not restarted still serves it. samples: n. alpha:
    of the certificate. proven: whether it may use the generator's proven Lipschitz constant.
    """

    target: Target
    others: LoadedModel
    samples: int
    alpha: float
    proven: bool

    def selection(self) -> list[Output]:
        """Returns the outputs that choose the centre."""
        return self._drawn(self.target.loaded, Stream.SELECTION, range(SELECTION))

    def certification(self, loaded: LoadedModel | None = None, indices: range | None = None) -> list[Output]:
        """Returns certification outputs, of the served weights unless others are given."""
        return self._drawn(loaded or self.target.loaded, Stream.CERTIFICATION, indices or range(self.samples))

    def centre(self, made: Sequence[Output]) -> Centre:
        """Returns the centre of some outputs."""
        return self.target.metric.choose_centre([each.content for each in made if not isinstance(each, Failure)])

    def claimed(
        self,
        centre: Centre,
        certification: Sequence[Output],
        *,
        fault: str,
        sigma: float | None = None,
        build: _Build | None = None,
    ) -> Claimed:
        """Returns what follows from these outputs, as `certify` computes it. sigma: that the certificate names."""
        metric, diameter = self.target.metric, self.target.metric.diameter
        evidence = Evidence.from_measurements(
            measure(certification, metric, centre), bound=centre.bound, diameter=diameter
        )
        lipschitz = self.target.condition.lipschitz if self.proven else None
        bounds = ShiftBounds(diameter=diameter, mechanism=Gaussian(sigma or SIGMA), lipschitz=lipschitz)
        worst = bounds.worst_distance(evidence)
        build = build or band_by_name(self.target.metric.band).build
        survival = build(evidence.ordered(worst), worst, self.alpha)
        curve = BoundCurve(survival, bounds)
        radius = certified_radius(curve, TOLERANCE, sampled=True)
        return Claimed(
            name=f"{fault}, {self.target.prompt!r}, {self.target.seed}",
            method=f"{PLANTED}{fault}",
            radius=radius if radius > 0 else None,
            tolerance=TOLERANCE,
            diameter=diameter,
            alpha=self.alpha,
            w1_bound=lambda epsilon: curve.printed([epsilon])[0],
            exceedance=lambda epsilon, t: float(bounds.attacked(survival.survival_upper_bound(t), epsilon)),
            centre=centre,
        )

    def _drawn(self, loaded: LoadedModel, stream: Stream, indices: range) -> list[Output]:
        target = self.target
        return outputs(
            loaded,
            target.prompt,
            target.parameters,
            target.smoothing,
            target.seed,
            stream,
            len(indices),
            batch_size=target.batch_size,
            first=indices.start,
            randomness=target.randomness,
        )


def sound(scene: Scene) -> Claimed:
    """Returns a certificate without a fault: the control."""
    return scene.claimed(scene.centre(scene.selection()), scene.certification(), fault=CONTROL.removeprefix(PLANTED))


def sigma_halved(scene: Scene) -> Claimed:
    """Returns a certificate that names twice the σ its outputs were drawn with."""
    centre = scene.centre(scene.selection())
    return scene.claimed(centre, scene.certification(), fault="sigma halved", sigma=2 * SIGMA)


def band_without_union(scene: Scene) -> Claimed:
    """Returns a certificate whose band gives all of alpha to every rank."""
    centre = scene.centre(scene.selection())
    return scene.claimed(centre, scene.certification(), fault="band without union", build=_each_rank_has_all_of_alpha)


def centre_from_certification(scene: Scene) -> Claimed:
    """Returns a certificate whose centre is that of the very outputs whose distances to it count."""
    made = scene.certification()
    return scene.claimed(scene.centre(made), made, fault="centre from certification samples")


def two_weights(scene: Scene) -> Claimed:
    """Returns a certificate half of whose outputs come from other weights than those that are served."""
    half = scene.samples // 2
    made = [*scene.certification(indices=range(half))]
    made += scene.certification(scene.others, range(half, scene.samples))
    return scene.claimed(scene.centre(scene.selection()), made, fault="samples of two weights")


def radius_doubled(scene: Scene) -> Claimed:
    """Returns a sound certificate whose radius is stated twice as large."""
    true = sound(scene)
    fault = "radius inflated twofold"
    radius = None if true.radius is None else 2 * true.radius
    name = f"{fault}, {scene.target.prompt!r}, {scene.target.seed}"
    return replace(true, radius=radius, name=name, method=f"{PLANTED}{fault}")


@dataclass(frozen=True)
class Fault:
    """A fault, and the certificates that show it, in metric pixel-rmse at tolerance 0.1 and σ 0.1.

    samples: n of each. certificates: how many are attacked. fresh: outputs of each attack. alpha: of each certificate.
    proven: whether the certificate uses the network's proven constant (T4). With it the radius is almost that of the
    model, so that a larger one shows; without it everything rests on the samples, so that wrong ones show. multiples:
    of the radius, at which it is attacked; 0 compares fresh honest outputs with what is claimed of them.
    """

    make: Callable[[Scene], Claimed]
    samples: int = 400
    certificates: int = 6
    fresh: int = 800
    alpha: float = 0.05
    proven: bool = False
    multiples: tuple[float, ...] = (0.0, 1.0, 2.0)


SIGMA: Final = 0.1
TOLERANCE: Final = 0.1
FAULTS: Final[Mapping[str, Fault]] = {
    "none": Fault(sound),
    "none, proven constant": Fault(sound, proven=True),
    "sigma halved": Fault(sigma_halved),
    "radius inflated twofold": Fault(radius_doubled, proven=True),
    # False more often than alpha says, and by little: certificates of few outputs and a large alpha, many of them.
    "band without union": Fault(
        band_without_union, samples=20, certificates=80, fresh=2000, alpha=0.4, multiples=(0.0,)
    ),
    # Two outputs pull the centre furthest towards themselves.
    "centre from certification samples": Fault(centre_from_certification, samples=2, certificates=12),
    "samples of two weights": Fault(two_weights),
}


def _each_rank_has_all_of_alpha(ordered: Any, bound: float, alpha: float) -> SurvivalBand:
    n, ranks = len(ordered), grid_ranks(len(ordered), alpha)
    levels = clopper_pearson_upper(ranks, n, np.full(len(ranks), alpha))
    edges = np.concatenate(([0.0], np.minimum(ordered[n - 1 - ranks], bound)[::-1], [bound]))
    return SurvivalBand(edges=edges, levels=np.concatenate(([1.0], levels[::-1])))
