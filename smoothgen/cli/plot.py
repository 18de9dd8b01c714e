"""Certified bounds and runs against the attack norm, as pictures. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from smoothgen.certificates import Certificate, ExhaustiveCertificate, universal_w1_bound
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.score_claims.exact import ExactClaim
from smoothgen.cli.plot_scores import draw_claim, panels
from smoothgen.client import FleetReading
from smoothgen.contracts import Neighbour, NeighboursView
from smoothgen.errors import SmoothGenError

_BLUE, _ORANGE, _RED, _GREEN, _GREY = "#1f5fa8", "#dd8452", "#c44e52", "#55a868", "#999999"
_WINDOW_COLOURS: Final = (_BLUE, _ORANGE, _GREEN, "#8172b3")
_HEIGHT, _HEIGHT_OF_RUNS = 4.2, 5.4
"""Inches."""
_MOST_PANELS: Final = 12
_MOST_NAMES: Final = 8
_LONGEST_NAME: Final = 40
"""Characters of a prompt that a picture shows."""


def plot_curve(certificate: Certificate, path: Path) -> None:
    """Draws the W₁ bound against the attack norm: the certified curve, the bounds it is the smaller of, the tolerance,
    the radius. Below it every claim on a score has a panel.

    Raises SmoothGenError where matplotlib is not installed.
    """
    figure = figure_of(figsize=(7, _HEIGHT))
    axes, below = panels(figure, certificate.score_claims, height=_HEIGHT)
    epsilons = [epsilon for epsilon, _ in certificate.curve]
    sampled = certificate.evidence.samples > 0
    spread = "T2′" if certificate.bounds.method.oscillation else "T2"
    axes.plot(
        epsilons,
        [b for _, b in certificate.curve],
        color=_BLUE,
        lw=2.2,
        label=f"certified: the smaller of T1 and {spread}" if sampled else "certified: T1, any generator, no samples",
    )
    if sampled:
        axes.plot(
            epsilons,
            [certificate.spread_w1_bound(e) for e in epsilons],
            color=_ORANGE,
            ls=":",
            lw=2.2,
            label=f"{spread}: from the spread of the samples",
        )
        axes.plot(
            epsilons,
            [certificate.universal_w1_bound(e) for e in epsilons],
            color=_GREY,
            ls="--",
            label="T1: any generator, no samples",
        )
    axes.axhline(certificate.tolerance, color=_RED, lw=1, label=f"tolerance τ = {certificate.tolerance:g}")
    axes.axvline(
        certificate.radius, color=_GREEN, lw=1, label=f"certified radius {round_down(certificate.radius, 4)!r}"
    )
    axes.set(
        xlabel="attack norm ε (l2)",
        ylabel="W₁ bound (metric units)",
        xlim=(0, epsilons[-1]),
        ylim=(0, 2.6 * certificate.tolerance),
        title=f"n = {certificate.evidence.samples}, confidence {certificate.confidence:g}, {certificate.mechanism}",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    for place, (each, claim) in enumerate(zip(below, certificate.score_claims, strict=True), start=1):
        draw_claim(each, claim, place)
    figure.savefig(path)


def plot_fleet(readings: Sequence[FleetReading], path: Path) -> None:
    """Draws the average request's W₁ bound against the attack norm: a panel for each pool, a line for each window, T1
    beside.

    At most twelve pools, those with the most requests. Raises SmoothGenError where matplotlib is not installed.
    """
    pools: dict[str, list[FleetReading]] = {}
    for reading in readings:
        pools.setdefault(reading.pool_id, []).append(reading)
    shown = sorted(pools.values(), key=lambda of_pool: -max(r.certificate.requests for r in of_pool))[:_MOST_PANELS]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure = figure_of(figsize=(7 if columns == 1 else 12, 4.2 * rows))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, of_pool in zip(panels, shown, strict=False):
        _panel(axes, of_pool)
    for unused in panels[len(shown) :]:
        unused.set_visible(False)
    figure.savefig(path)


def plot_neighbours(view: NeighboursView, path: Path, claims: Sequence[ExactClaim] = ()) -> None:
    """Draws the distance of each neighbour's output against its cost; those that change the answer are named. Below it
    every claim on a score has a panel.

    At most eight names, the nearest ones'. A failed run is a cross at the top.
    Raises SmoothGenError where matplotlib is not installed.
    """
    figure = figure_of(figsize=(8, _HEIGHT_OF_RUNS))
    axes, below = panels(figure, claims, height=_HEIGHT_OF_RUNS)
    failed = [each for each in view.neighbours if each.distance is None]
    measured = [(each.cost, each.distance, each.changed) for each in view.neighbours if each.distance is not None]
    top = max([1.25 * view.tolerance, *(distance for _, distance, _ in measured)])
    for changed, colour, label in ((False, _BLUE, "within the tolerance"), (True, _RED, "changes the answer")):
        points = [(cost, distance) for cost, distance, is_changed in measured if is_changed == changed]
        if points:
            axes.scatter(*zip(*points, strict=True), s=16, color=colour, label=f"{label}: {len(points)}", zorder=3)
    if failed:
        axes.scatter([each.cost for each in failed], [top] * len(failed), marker="x", color=_RED, label="failed")
    names = [each for each in view.neighbours if each.changed][:_MOST_NAMES]
    half = 0.6 * max((each.cost for each in view.neighbours), default=0.0)
    left, right = [each for each in names if each.cost < half], [each for each in names if each.cost >= half]
    for row, each in enumerate([*left, *reversed(right)]):  # so that names cross few of the lines to others
        axes.annotate(
            _name(each),
            (each.cost, top if each.distance is None else each.distance),
            xytext=(each.cost, top * (1.1 + 0.09 * (len(names) - row))),
            ha="left" if each.cost < half else "right",
            arrowprops={"arrowstyle": "-", "color": _GREY, "lw": 0.5, "relpos": (each.cost >= half, 0), "shrinkA": 0},
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            fontsize="small",
            parse_math=False,
        )
    axes.axhline(view.tolerance, color=_RED, lw=1, label=f"tolerance τ = {view.tolerance:g}")
    if view.radius is not None:
        axes.axvline(view.radius, color=_GREEN, lw=1, label=f"exact radius {round_down(view.radius, 4)!r}")
    left_out = view.runs - len(view.neighbours)
    axes.set(
        xlabel="cost: least attack norm (l2) that reaches the prompt",
        ylabel="distance of its output (metric units)",
        xlim=(0, None),
        ylim=(-0.04 * top, top * (1.12 + 0.09 * (len(names) + 1 if names else 0))),
        title=f"{len(view.neighbours)} of {view.runs} neighbours" if left_out else f"{view.runs} neighbours",
    )
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1.001 * top])  # none beside the names
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left")
    for place, (each_panel, claim) in enumerate(zip(below, claims, strict=True), start=1):
        draw_claim(each_panel, claim, place)
    figure.savefig(path)


def plot_runs(certificate: ExhaustiveCertificate, path: Path) -> None:
    """Draws the runs of an exhaustive certificate as `plot_neighbours` does, with the one name it states.

    Raises SmoothGenError where matplotlib is not installed.
    """
    evidence, broken_by = certificate.evidence, certificate.claims.broken_by
    distances = evidence.distances.tolist()
    neighbours = [
        Neighbour(
            rank=rank,
            cost=cost,
            distance=None if math.isinf(distances[rank]) else distances[rank],
            changed=distances[rank] > round_down(certificate.tolerance),
            text=certificate.text if broken_by is not None and broken_by.index == rank else None,
        )
        for rank, cost in enumerate(evidence.costs.tolist())
        if rank > 0
    ]
    view = NeighboursView(
        certificate=certificate.id or "",
        tolerance=certificate.tolerance,
        radius=None if math.isinf(certificate.radius) else certificate.radius,
        next_cost=evidence.next_cost,
        runs=evidence.runs - 1,
        changed=sum(each.changed for each in neighbours),
        words_kept=False,
        neighbours=neighbours,
    )
    plot_neighbours(view, path, certificate.score_claims)


def _name(neighbour: Neighbour) -> str:
    if neighbour.text is None:
        return f"rank {neighbour.rank}"
    shown = "".join(letter if letter.isprintable() else "·" for letter in neighbour.text)
    return shown if len(shown) <= _LONGEST_NAME else "…" + shown[1 - _LONGEST_NAME :]


def _panel(axes: Any, of_pool: Sequence[FleetReading]) -> None:
    pool, certificate = of_pool[0].pool, of_pool[0].certificate
    mechanism = certificate.mechanism
    epsilons = [epsilon for epsilon, _ in certificate.curve]
    axes.plot(
        epsilons,
        [universal_w1_bound(certificate.diameter, mechanism.radius_in_sigmas(e)) for e in epsilons],
        color=_GREY,
        ls="--",
        zorder=3,  # where nothing more is proven it is the certified curve
        label="T1: any generator, no samples",
    )
    for reading, colour in zip(of_pool, _WINDOW_COLOURS, strict=False):
        one = reading.certificate
        axes.plot(
            [e for e, _ in one.curve],
            [bound for _, bound in one.curve],
            color=colour,
            lw=2.2,
            # A running day may be the running hour so far: both must be seen.
            ls="-" if reading.window.startswith("hour") else (0, (3, 1.5)),
            label=f"{reading.window}{'' if one.closed else ', running'}: {one.requests} requests",
        )
    tenth = 0.1 * certificate.diameter
    axes.axhline(tenth, color=_RED, lw=1, label=f"a tenth of the diameter, {tenth:.3g}")
    axes.set(
        xlabel="attack norm ε (l2)",
        ylabel="average W₁ bound (metric units)",
        xlim=(0, epsilons[-1]),
        ylim=(0, None),
    )
    named = f"{pool.model}, {pool.metric['name']}, {mechanism}, confidence {certificate.confidence:g}"
    axes.set_title(named, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")


def figure_of(figsize: tuple[float, float]) -> Any:
    """Returns an empty figure. figsize: width and height in inches. Raises SmoothGenError where matplotlib is not
    installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SmoothGenError("drawing needs matplotlib: pip install 'smoothgen[plot]'") from error
    return Figure(figsize=figsize, dpi=150, layout="constrained")
