"""What `smoothgen fleet` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smoothgen.certificates import universal_w1_bound
from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.bounds.theorems import total_variation_radius
from smoothgen.client import FleetReading
from smoothgen.mechanisms.scale import printed

_out = Console(highlight=False)
_RADII: Final = (0.25, 0.5, 1.0)
"""Attack norms that are shown, in sigmas."""
_TENTH: Final = 0.1
"""The tolerance at which the fleet's radius is shown, as a share of the diameter: the server's default."""


def show_fleet(readings: Sequence[FleetReading]) -> None:
    """Prints a table for each pool: a row for each window, and one for what holds for any generator."""
    if not readings:
        _out.print('no request of tier "fleet" in these windows: ask for it with smoothgen generate --tier fleet')
        return
    by_pool: dict[str, list[FleetReading]] = {}
    for reading in readings:
        by_pool.setdefault(reading.pool_id, []).append(reading)
    for pool_id, of_pool in by_pool.items():
        model, noise = of_pool[0].pool.model, of_pool[0].certificate.mechanism
        snapped = ", then the snap to tokens" if of_pool[0].pool.snap else ""
        about = f"  {metric_of(of_pool[0])}, sigma {printed(noise.effective_sigma)}{snapped}  "
        _out.print(Text.assemble((model, "bold"), about, (f"pool {pool_id}", "dim")), soft_wrap=True)
        table = Table(box=None, padding=(0, 0, 0, 2), pad_edge=True)
        table.add_column("window (UTC)")
        first, *others = (f"{r:g}σ" for r in _RADII)
        for name in ("requests", f"W1 at {first}", *others, "radius"):
            table.add_column(name, justify="right")
        for reading in of_pool:
            table.add_row(*_fleet_row(reading))
        table.add_row(*_any_generator(of_pool[0]), style="dim")
        _out.print(table)
        _out.print()
    confidences = sorted({reading.certificate.confidence for reading in readings})
    _out.print(
        Text(
            "W1: the most that attacks of so many sigmas can move the average request's outputs, proven with "
            f"confidence {' or '.join(map(repr, confidences))} for each window on its own. An average, not a promise "
            "to each request. radius: within it the average moves by a tenth of the metric's diameter at most. Every "
            "certificate was verified here.",
            style="dim",
        )
    )


def _fleet_row(reading: FleetReading) -> list[str]:
    certificate = reading.certificate
    mechanism = certificate.mechanism
    counted = str(certificate.requests)
    if certificate.requests != certificate.submitted - certificate.left_out:
        counted += f" of {certificate.submitted - certificate.left_out}"
    return [
        reading.window + ("" if certificate.closed else ", running"),
        counted,
        *(f"{round_up(certificate.w1_bound(mechanism.epsilon(r)), 3)!r}" for r in _RADII),
        f"{round_down(certificate.radius(_TENTH * certificate.diameter), 3)!r}",
    ]


def _any_generator(reading: FleetReading) -> list[str]:
    certificate = reading.certificate
    radius = certificate.mechanism.epsilon(total_variation_radius(_TENTH))
    return [
        "any generator (T1)",
        "",
        *(f"{round_up(universal_w1_bound(certificate.diameter, r), 3)!r}" for r in _RADII),
        f"{round_down(radius, 3)!r}",
    ]


def metric_of(reading: FleetReading) -> str:
    """Returns the name of a pool's metric, and its cap where it has one."""
    metric = reading.pool.metric
    return str(metric["name"]) + (f" ≤ {metric['cap']:g}" if metric.get("cap") is not None else "")
