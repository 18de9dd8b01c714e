"""Certificates of units kept or left out (units/v1): any m of the passages or words may be altered by anything.

touched ← choice ← claims ← score_claims; threat; certificate ← certify, size; meaning ← statement ← document (JSON) ←
verify.
"""

from smoothgen.certificates.units.certificate import UNITS_V1, UnitsBound, UnitsCertificate
from smoothgen.certificates.units.certify import certify_units
from smoothgen.certificates.units.choice import UnitChoice
from smoothgen.certificates.units.claims import UnitsClaims
from smoothgen.certificates.units.size import UnitsGoal, largest_probability, largest_size, most_altered
from smoothgen.certificates.units.threat import PASSAGES, WORDS, UnitsThreat

__all__ = [
    "PASSAGES",
    "UNITS_V1",
    "WORDS",
    "UnitChoice",
    "UnitsBound",
    "UnitsCertificate",
    "UnitsClaims",
    "UnitsGoal",
    "UnitsThreat",
    "certify_units",
    "largest_probability",
    "largest_size",
    "most_altered",
]
