"""Certified bounds against the attack norm, as pictures. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from smoothgen.certificates import Certificate, universal_w1_bound
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.client import FleetReading
from smoothgen.errors import SmoothGenError

_BLUE, _ORANGE, _RED, _GREEN, _GREY = "#1f5fa8", "#dd8452", "#c44e52", "#55a868", "#999999"
_WINDOW_COLOURS: Final = (_BLUE, _ORANGE, _GREEN, "#8172b3")
_MOST_PANELS: Final = 12


def plot_curve(certificate: Certificate, path: Path) -> None:
    """Draws the W₁ bound against the attack norm: the certified curve, the bounds it is the smaller of, the tolerance,
    the radius.

    Raises SmoothGenError where matplotlib is not installed.
    """
    figure = _figure(figsize=(7, 4.2))
    axes = figure.subplots()
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
    figure = _figure(figsize=(7 if columns == 1 else 12, 4.2 * rows))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, of_pool in zip(panels, shown, strict=False):
        _panel(axes, of_pool)
    for unused in panels[len(shown) :]:
        unused.set_visible(False)
    figure.savefig(path)


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


def _figure(figsize: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SmoothGenError("drawing needs matplotlib: pip install 'smoothgen[plot]'") from error
    return Figure(figsize=figsize, dpi=150, layout="constrained")
