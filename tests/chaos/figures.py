"""What a chaos run comes to."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.servers import FAILOVER


@dataclass(frozen=True)
class Figures:
    """What came of it. All must be 0 or empty but jobs, troubles, repeated, repeats and seconds; signed_again too where
    Redis failed over.

    doubled: jobs that ended more often than they may. Once, and once more for each failover to a server that did not
    have their outcome yet: the outcome may have died with the old master, and is then made again. repeated: how often
    jobs ended so again. misanswered: answers to clients that were neither what they asked for nor 503, the commonest
    five and how often. staying: workers that did not end when they were told to. unrecorded: jobs that the ledger does
    not have exactly once; all of them where its chain is broken. untold: jobs that no webhook told of. told_again: jobs
    with webhooks of more ids than they ended times; repeats: webhooks that came again under their id, as they may.
    unsigned: certificates without a signature, or with one that does not hold; signed_again: certificates with two.
    A failover may lose a signature that the replica did not have yet, and another is made.
    """

    jobs: int
    troubles: dict[str, int]
    lost: int
    doubled: int
    repeated: int
    differing: int
    surplus: int
    misanswered: dict[str, int]
    staying: int
    unrecorded: int
    untold: int
    told_again: int
    repeats: int
    unsigned: int
    signed_again: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Nothing was lost, doubled, altered, made up or answered otherwise than 503, every worker ended that was told
        to, and every end was recorded once, told of, and signed once where it is a certificate."""
        jobs = (self.lost, self.doubled, self.differing, self.surplus, self.misanswered, self.staying)
        signed_again = 0 if FAILOVER in self.troubles else self.signed_again
        return not any((*jobs, self.unrecorded, self.untold, self.told_again, self.unsigned, signed_again))
