"""Studies: one evaluation of models, from a plan to a report. Torch-free.

rows: what is measured, one kind a class, and where each number comes from. store: a folder of finished tasks, from
which a study goes on where it was stopped. docs/evaluation/README.md describes both for a reader.
"""

from smoothgen.studies.rows import AttackRow, CertificateRow, CostRow, FidelityRow, Provenance, Row
from smoothgen.studies.store import Finished, Store, Task

__all__ = [
    "AttackRow",
    "CertificateRow",
    "CostRow",
    "FidelityRow",
    "Finished",
    "Provenance",
    "Row",
    "Store",
    "Task",
]
