"""The benchmark's figures as text."""

from __future__ import annotations

import itertools
import statistics
from typing import Any

from benchmarks.load.rounds import ratios

BUSY_CORES = 0.3


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def candidate(peer: str, trial: dict[str, Any]) -> str:
    """One line for one candidate."""
    if "error" in trial:
        figures = "does not serve: " + trial["error"].partition("\r\n")[0].partition("\n")[0]
    else:
        figures = "; ".join(
            f"c={c}: {f['per_second']:.0f}/s, {f['server_cpu_us']:.0f} µs CPU" for c, f in trial["figures"].items()
        )
    return f"  {peer} ({_settings(trial['settings'])})\n    {figures}"


def table(results: dict[str, Any], compared: tuple[str, ...]) -> str:
    """Medians over the rounds, and for the `compared` sides the ratios to each peer, round by round."""
    rows = {(row["side"], row["connections"]): row for row in results["rows"]}
    peers = [side for side, _ in rows if any(side.startswith(name) for name in results["peers"])]
    peers = list(dict.fromkeys(peers))
    width = max(len(side) for side, _ in rows)
    lines = [f"{results['rounds']} rounds of {results['seconds']} s in turns; medians", f"body {results['body']}"]
    for name, peer in results["peers"].items():
        for connections, settings in peer["settings"].items():
            lines.append(f"{name} {peer['version']} at {connections}: {_settings(settings)}")
    lines += ["", f"{'':{width}}    c   requests/s   p50 ms   p99 ms   CPU µs a request   client µs"]
    for (side, connections), row in rows.items():
        median = {name: statistics.median(numbers) for name, numbers in row.items() if isinstance(numbers, list)}
        lines.append(
            f"{side:{width}}   {connections:2}   {median['per_second']:10.0f}   {median['p50_ms']:6.2f}   "
            f"{median['p99_ms']:6.2f}   {median['server_cpu_us']:16.0f}   {median['client_cpu_us']:9.0f}"
        )
    lines += ["", "ratios round by round: median (least to largest)"]
    lines.append(f"{'':{width}}   {'to':{width}}    c   {'requests/s':>22}   {'CPU':>22}")
    for side, peer in itertools.product(compared, peers):
        for connections in sorted({c for _, c in rows}):
            ours, theirs = rows[side, connections], rows[peer, connections]
            found = [ratios(ours[figure], theirs[figure]) for figure in ("per_second", "server_cpu_us")]
            cells = "".join(f"   {f'{m:.2f} ({least:.2f} to {most:.2f})':>22}" for m, least, most in found)
            lines.append(f"{side:{width}}   {peer:{width}}   {connections:2}{cells}")
    foreign = [cores for row in results["rows"] for cores in row["foreign_cores"]]
    busy = sum(cores > BUSY_CORES for cores in foreign)
    lines += [
        "",
        f"ours takes {results['ours_idle_cores']:.1%} of a core when nobody asks; the peers are frozen meanwhile",
    ]
    lines.append(f"other programs took more than {BUSY_CORES} cores in {busy} of {len(foreign)} windows")
    return "\n".join(lines)
