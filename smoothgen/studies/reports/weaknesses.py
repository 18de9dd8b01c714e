"""Where the certificates are weak, found in the rows and said plainly."""

from __future__ import annotations

from collections.abc import Iterator

from smoothgen.studies.falsified import reached
from smoothgen.studies.grouped import Rows, groups, radii, sources
from smoothgen.studies.measures import PERPLEXITY_INCREASE
from smoothgen.studies.reports.attacked import real
from smoothgen.studies.reports.blocks import Line, Section, Table
from smoothgen.studies.reports.certified import at_share, setting_of
from smoothgen.studies.reports.compared import ratios
from smoothgen.studies.reports.figures import at_least, headline, plain, share
from smoothgen.studies.reports.outcomes import MOST_PERPLEXITY

GIVEN_AWAY = 3.0
"""Multiples of the certified radius beyond which a certificate counts as cautious."""


def section(rows: Rows) -> Section:
    """Returns what this study shows against the certificates. Where it shows nothing, it says that and no more."""
    lines = (*_failing(rows), *_behind(rows), *_cautious(rows), *_worse(rows))
    words = () if lines else ("Nothing in this study fell under the rules below; that is no proof of strength.",)
    says = (
        "Listed: settings in which more than a tenth of the prompts have no radius; baselines with a larger average "
        "radius; claims "
        f"whose strongest attack needs more than {GIVEN_AWAY:g} certified radii, or never reached the tolerance; and "
        f"perplexity that rises by {MOST_PERPLEXITY:g} % or more."
    )
    table = Table("Weaknesses", says, ("model", "where", "metric or claim", "what", "figure"), lines)
    return Section("Where the certificates are weak", words, (table,) if lines else ())


def _failing(rows: Rows) -> Iterator[Line]:
    # The study of baselines certifies the protocol's settings again: each weakness is told once.
    ours = [o for o in rows.certificates if o.row.ours and not o.row.estimated and o.row.study != "baselines"]
    for found in groups(ours, lambda row: (row.model, row.study, setting_of(row))).values():
        row, of_all = found[0].row, radii(found)
        without = sum(not radius for radius in of_all.values)
        where = f"{row.study}: {row.setting}, {row.method}"
        metric = f"{row.metric} within {plain(row.tolerance)}"
        if 10 * without > len(found):
            what = "most prompts have no radius" if 2 * without > len(found) else "some prompts have no radius"
            figure = f"{share(without, len(found))}; radius of half {at_least(at_share(of_all, 0.5))}"
            yield Line((row.model, where, metric, what, figure), sources(found))


def _behind(rows: Rows) -> Iterator[Line]:
    for model, of_model in groups(rows.certificates, lambda row: row.model).items():
        for found in ratios(of_model):
            if found.behind and found.ratio is not None:
                what = f"{found.method} has the larger average radius (it claims: {headline(found.rows[0].row.claim)})"
                figure = f"ours over its: {plain(found.ratio)}"
                asked = found.rows[0].row
                metric = f"{asked.metric} within {plain(asked.tolerance)}"
                yield Line((model, found.setting, metric, what, figure), sources(found.rows))


def _cautious(rows: Rows) -> Iterator[Line]:
    attacks = [one for one in real(rows.attacks) if one.row.multiple]
    for found in groups(attacks, lambda row: (row.model, row.setting, row.method, row.claim)).values():
        row, of_all = found[0].row, reached(one.row for one in found)
        if not of_all:
            continue
        least = min((one.multiple for one in of_all if one.multiple is not None), default=None)
        furthest = max(one.tried for one in of_all)
        if least is None or least > GIVEN_AWAY:
            figure = f"least multiple {plain(least)}" if least else f"none up to {plain(furthest)} radii"
            what = "the attacks reach τ only far beyond the radius"
            yield Line((row.model, f"{row.setting}, {row.method}", row.claim, what, figure), sources(found))


def _worse(rows: Rows) -> Iterator[Line]:
    for one in rows.fidelity:
        row = one.row
        if row.measure == PERPLEXITY_INCREASE and row.prompt is None and row.value >= MOST_PERPLEXITY:
            figure = f"{plain(row.value)} %"
            yield Line((row.model, row.setting, row.measure, "the noise costs perplexity", figure), sources([one]))
