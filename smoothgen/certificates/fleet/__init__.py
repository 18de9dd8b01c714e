"""T5, fleets: how far attacks can move the average request of a server. Proofs: docs/theory/fleet.md.

grid (a distance as one byte), levels (the statistics), subject (which requests) ← counts (of one window) ← statement
(in words) ← certificate (what the counts prove) ← certify (and verify).
"""

from smoothgen.certificates.fleet.certificate import FleetCertificate
from smoothgen.certificates.fleet.certify import certify_fleet, verify_fleet
from smoothgen.certificates.fleet.grid import NOT_SERVED, OUTSTANDING, fleet_bin, fleet_thresholds
from smoothgen.certificates.fleet.subject import FleetSubject

__all__ = [
    "NOT_SERVED",
    "OUTSTANDING",
    "FleetCertificate",
    "FleetSubject",
    "certify_fleet",
    "fleet_bin",
    "fleet_thresholds",
    "verify_fleet",
]
