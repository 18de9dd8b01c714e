"""The proposal's expected outcomes, each with what was measured and where it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from smoothgen.studies.grouped import Rows, groups, sources
from smoothgen.studies.measures import FRECHET, FRECHET_INCEPTION, FRECHET_OF_PROMPTS, PERPLEXITY_INCREASE, PLAIN
from smoothgen.studies.reports.blocks import Line, Section, Table
from smoothgen.studies.reports.compared import ratios
from smoothgen.studies.reports.figures import NONE, plain, share
from smoothgen.studies.rows import FidelityRow, Provenance

GAN_SMOOTHING: Final = "GAN smoothing"
"""How the names of such methods begin."""
LEAST_RATIO: Final = 1.5
MOST_FRECHET: Final = 3.0
MOST_PERPLEXITY: Final = 5.0


def section(rows: Rows) -> Section:
    """Returns the table of expected outcomes. A line without measurements says so."""
    lines = [*_radii(rows), *_frechet(rows), *_perplexity(rows)]
    columns = ("expected", "model", "measured", "holds in", "does not hold in")
    says = (
        "The expectations are the proposal's. Each line counts the settings of this study in which it holds. Points "
        "of a Fréchet distance are points of FID only where the line says Inception."
    )
    return Section(
        "Expected outcomes of the proposal", (), (Table("Expected and measured", says, columns, tuple(lines)),)
    )


def _radii(rows: Rows) -> tuple[Line, ...]:
    expected = f"radius at least {LEAST_RATIO:g} times GAN smoothing's"
    lines = []
    for model, of_model in groups(rows.certificates, lambda row: row.model).items():
        found = [r for r in ratios(of_model) if r.method.startswith(GAN_SMOOTHING) and r.ratio is not None]
        if found:
            values = [(f"{r.setting} ({plain(r.ratio)} times)", r.ratio or 0.0) for r in found]
            where = [source for ratio in found for source in sources(ratio.rows)]
            lines.append(_line(expected, model, values, lambda value: value >= LEAST_RATIO, "times", where))
    return tuple(lines) or (_unmeasured(expected),)


def _frechet(rows: Rows) -> tuple[Line, ...]:
    lines = []
    for measure in (FRECHET_INCEPTION, FRECHET):
        of_measure = [one for one in rows.fidelity if one.row.measure == measure and one.row.prompt is None]
        for model, found in groups(of_measure, lambda row: row.model).items():
            start = next((one.row.value for one in found if one.row.setting == PLAIN), 0.0)
            changed = [one for one in found if one.row.setting != PLAIN]
            values = [(_named(one.row, one.row.value - start), one.row.value - start) for one in changed]
            if not values:
                continue
            if measure == FRECHET:
                lines.append(_in_our_space(rows, model, values, sources(changed)))
            else:
                expected = f"{measure}: change under {MOST_FRECHET:g} points"
                lines.append(_line(expected, model, values, lambda v: v < MOST_FRECHET, "points", sources(changed)))
    return tuple(lines) or (_unmeasured(f"Fréchet distance: change under {MOST_FRECHET:g} points"),)


def _in_our_space(rows: Rows, model: str, values: Sequence[tuple[str, float]], where: tuple[Provenance, ...]) -> Line:
    """Returns the line of a space in which the proposal's points mean nothing: no setting holds or fails in it."""
    expected = f"Fréchet distance: change under {MOST_FRECHET:g} points"
    apart = next(
        (o.row.value for o in rows.fidelity if o.row.model == model and o.row.measure == FRECHET_OF_PROMPTS), None
    )
    scale = "" if apart is None else f"; two halves of the prompts lie {plain(apart)} apart there"
    changes = "; ".join(name for name, _ in values)
    told = "cannot be said: no Inception weights here, and points of our feature space are no points of FID"
    return Line((expected, model, f"in our feature space: {changes}{scale}", told, NONE), where)


def _perplexity(rows: Rows) -> tuple[Line, ...]:
    expected = f"perplexity increase under {MOST_PERPLEXITY:g} %"
    lines = []
    found = [one for one in rows.fidelity if one.row.measure == PERPLEXITY_INCREASE and one.row.prompt is None]
    for model, of_model in groups(found, lambda row: row.model).items():
        values = [(_named(one.row, one.row.value), one.row.value) for one in of_model]
        lines.append(_line(expected, model, values, lambda value: value < MOST_PERPLEXITY, "%", sources(of_model)))
    return tuple(lines) or (_unmeasured(expected),)


def _line(
    expected: str,
    model: str,
    values: Sequence[tuple[str, float]],
    holds: Callable[[float], bool],
    unit: str,
    where: Sequence[Provenance],
) -> Line:
    measured = [value for _, value in values]
    span = plain(measured[0]) if len(measured) == 1 else f"{plain(min(measured))} to {plain(max(measured))}"
    failing = [name for name, value in values if not holds(value)]
    kept = share(len(values) - len(failing), len(values))
    return Line((expected, model, f"{span} {unit}", f"{kept} settings", "; ".join(failing) or NONE), tuple(where))


def _unmeasured(expected: str) -> Line:
    return Line((expected, NONE, "not measured in this study", NONE, NONE))


def _named(row: FidelityRow, value: float) -> str:
    return f"{row.setting} ({plain(value)})"
