"""Attempts to break certificates: LOWER confidence bounds on what an attack did, set against certified upper bounds.

Fresh outputs of the honest and of the attacked prompt are all that a bound here may see: never a sample that the
certificate rests on. What a bound chooses (a critic, a set of labels, a threshold) it chooses on a training half, and
it reads the other half once. docs/evaluation/method.md says what a falsification proves, and what none proves.

critic, means: W₁ from below by a 1-Lipschitz function. binomials: labels, guards and deviations. crossing: the verdict
over all attacks and prompts.
"""

from smoothgen.evaluation.falsification.binomials import (
    Exceeded,
    deviation_exceeded,
    event_lower_bound,
    label_shift_lower_bound,
    probability_shift_lower_bound,
)
from smoothgen.evaluation.falsification.critic import Critic, ShiftLowerBound, shift_lower_bound, train_critic
from smoothgen.evaluation.falsification.crossing import Comparison, Verdict, judge, require_no_crossing
from smoothgen.evaluation.falsification.means import gap_lower_bound, paired_gap_lower_bound

__all__ = [
    "Comparison",
    "Critic",
    "Exceeded",
    "ShiftLowerBound",
    "Verdict",
    "deviation_exceeded",
    "event_lower_bound",
    "gap_lower_bound",
    "judge",
    "label_shift_lower_bound",
    "paired_gap_lower_bound",
    "probability_shift_lower_bound",
    "require_no_crossing",
    "shift_lower_bound",
    "train_critic",
]
