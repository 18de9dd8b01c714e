"""What a certificate of noise says of the attack: on what, of which size, and what is held fixed."""

from __future__ import annotations

import numpy as np

from smoothgen.certificates import Threat
from workers.generators import Condition


def threat_of(condition: Condition) -> Threat:
    """Returns the threat of a job's condition."""
    dimension = condition.embedding.size
    return Threat(
        attack_on=condition.attack_on,
        dimension=dimension,
        embedding_norm=round(float(np.linalg.norm(condition.embedding.astype(np.float64))), 6),
        noise_norm=condition.mechanism.noise_norm(dimension),
        held_fixed=condition.held_fixed,
    )
