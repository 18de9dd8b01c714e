"""Certified selection of the noise level: sigma from how sensitive the generator is around this very prompt.

A sigma that depends on x breaks every bound, unless the attacked prompt is served at the same sigma. Here sigma is read
off a public grid by the MEDIAN sensitivity of the noisy prompt, which an attack can move only so far (median smoothing,
Chiang et al. 2020). A certificate goes no further than the attack that could move the median out of its cell.
Proof: docs/theory/adaptive.md.

grid (the public levels), shares (who may spend which alpha) ← selection (a level and its draws) ← select.
"""

from smoothgen.certificates.sigma_selection.grid import SigmaGrid
from smoothgen.certificates.sigma_selection.select import select_sigma
from smoothgen.certificates.sigma_selection.selection import SigmaSelection, require_sound_selection
from smoothgen.certificates.sigma_selection.shares import (
    SELECTION_SHARE,
    remaining_alpha,
    require_selectable,
    selection_alpha,
)

__all__ = [
    "SELECTION_SHARE",
    "SigmaGrid",
    "SigmaSelection",
    "remaining_alpha",
    "require_selectable",
    "require_sound_selection",
    "select_sigma",
    "selection_alpha",
]
