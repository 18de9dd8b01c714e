"""The certificate's curve as a picture."""

from __future__ import annotations

from pathlib import Path

from smoothgen.certificates import Certificate
from smoothgen.certificates.rounding import round_down
from smoothgen.errors import SmoothGenError


def plot_curve(certificate: Certificate, path: Path) -> None:
    """W₁ bound against attack norm: the certified curve, T1 and T2 it is the smaller of, the tolerance, the radius.

    Raises SmoothGenError where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SmoothGenError("drawing needs matplotlib: pip install 'smoothgen[plot]'") from error
    epsilons = [epsilon for epsilon, _ in certificate.curve]
    figure = Figure(figsize=(7, 4.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.plot(
        epsilons,
        [b for _, b in certificate.curve],
        color="#1f5fa8",
        lw=2.2,
        label="certified: the smaller of T1 and T2",
    )
    axes.plot(
        epsilons,
        [certificate.spread_w1_bound(e) for e in epsilons],
        color="#dd8452",
        ls=":",
        lw=2.2,
        label="T2: from the spread of the samples",
    )
    axes.plot(
        epsilons,
        [certificate.universal_w1_bound(e) for e in epsilons],
        color="#999999",
        ls="--",
        label="T1: any generator, no samples",
    )
    axes.axhline(certificate.tolerance, color="#c44e52", lw=1, label=f"tolerance τ = {certificate.tolerance:g}")
    axes.axvline(
        certificate.radius, color="#55a868", lw=1, label=f"certified radius {round_down(certificate.radius, 4)!r}"
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
