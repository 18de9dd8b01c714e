"""What a server's answers mean to a caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from smoothgen.certificates import AnyCertificate, Verification, read_certificate, verify
from smoothgen.certificates.fleet.certify import FleetCertificate, verify_fleet
from smoothgen.contracts import (
    AbstentionView,
    Agreement,
    Decision,
    FleetPool,
    FleetView,
    JobView,
    LipschitzEstimate,
    Neighbour,
    NoisyOutput,
    Note,
    Status,
    TextOutput,
    Usage,
)
from smoothgen.errors import InvalidCertificate, ServerUnreachable


@dataclass(frozen=True)
class Generation:
    """A job as the server last told it: the output, and a certificate or an abstention once it has succeeded.

    noisy_outputs: its samples, where the output "samples" was asked for; None where it was not, or none are kept.
    """

    view: JobView
    noisy_outputs: tuple[NoisyOutput, ...] | None = None

    @property
    def samples(self) -> tuple[NoisyOutput, ...]:
        """Returns all noisy samples, selection samples first; empty unless the output "samples" was asked for."""
        return self.noisy_outputs or ()

    @property
    def id(self) -> str:
        """Returns the job's id, which is also its certificate's."""
        return self.view.id

    @property
    def status(self) -> Status:
        """Returns the job's status: queued, running, succeeded, failed or cancelled. What `Client.generate` returns has
        succeeded."""
        return self.view.status

    @property
    def text(self) -> str:
        """Returns the output of a text model; empty for a picture."""
        return self.view.output.text if isinstance(self.view.output, TextOutput) else ""

    @property
    def content(self) -> bytes:
        """Returns the output's exact bytes: UTF-8 text, or a PNG file."""
        return self.view.output.content if self.view.output else b""

    @cached_property
    def certificate(self) -> AnyCertificate | None:
        """Returns the certificate, None where the server abstained; an ExhaustiveCertificate with mechanism tokens. Not
        yet verified: see `verify`."""
        return None if self.view.certificate is None else read_certificate(self.view.certificate)

    @property
    def statement(self) -> str | None:
        """Returns what the certificate says, in the words it was issued with, of whichever method; None where the
        server abstained. `verify` checks that they say what the numbers say."""
        return None if self.view.certificate is None else str(self.view.certificate["statement"])

    @property
    def signature(self) -> str | None:
        """Returns the certificate's signature, a JWS that `smoothgen.verify_signature` checks against the server's
        public keys; None without a certificate, and from servers that do not sign."""
        return self.view.signature

    @property
    def notes(self) -> list[Note]:
        """Returns what a caller should know about the answer; empty where there is nothing. `code` is stable."""
        return self.view.notes or []

    @property
    def broken_by(self) -> Neighbour | None:
        """Returns, with mechanism tokens, the nearest prompt that an attack can reach and that changes the answer; None
        where there is none among those that were run, and for every other mechanism."""
        return self.view.broken_by

    @property
    def abstention(self) -> AbstentionView | None:
        """Returns why nothing, or less than asked, could be proven; None where the server did not abstain."""
        return self.view.abstention

    @property
    def decision(self) -> Decision | None:
        """Returns the claim that was asked and whether it is proven; None from servers that do not say."""
        return self.view.decision

    @property
    def agreement(self) -> Agreement | None:
        """Returns how many noisy runs gave the centre's answer; None for other metrics and without noise."""
        return self.view.agreement

    @property
    def fleet(self) -> FleetView | None:
        """Returns, for tier fleet, the pool and the windows that count this request; else None."""
        return self.view.fleet

    @property
    def lipschitz_estimate(self) -> LipschitzEstimate | None:
        """Returns how steep the model was found to be around the prompt, None where it was not asked for. Not
        certified."""
        return self.view.lipschitz_estimate

    @property
    def usage(self) -> Usage | None:
        """Returns what the job cost."""
        return self.view.usage

    def verify(self) -> Verification | None:
        """Returns the verdict on the certificate, recomputed here from the costs and distances it carries; None without
        a certificate."""
        return None if self.view.certificate is None else verify(self.view.certificate)


@dataclass(frozen=True)
class FleetReading:
    """What is certified of one pool of requests in one window of time: its average request, no single one.

    start, end: of the window, UTC. pool_id: as `Generation.fleet.pool` names it. The certificate has been verified.
    """

    window: str
    start: datetime
    end: datetime
    pool_id: str
    pool: FleetPool
    certificate: FleetCertificate

    @classmethod
    def verified(cls, document: Mapping[str, Any]) -> FleetReading:
        """Returns one element of GET /fleet, its certificate derived again from the counts.

        Raises InvalidCertificate where what is stated does not follow, or is of another pool's noise or metric;
        ServerUnreachable for what is no reading at all.
        """
        try:
            stated, described = document["certificate"], document["pool"]
            reading = cls(
                window=str(document["window"]),
                start=datetime.fromisoformat(document["start"]),
                end=datetime.fromisoformat(document["end"]),
                pool_id=str(described["id"]),
                # By name: a newer server may say more.
                pool=FleetPool.model_validate({n: described[n] for n in FleetPool.model_fields if n in described}),
                certificate=FleetCertificate.from_dict(stated),
            )
        except InvalidCertificate:
            raise
        except (LookupError, TypeError, ValueError, ValidationError) as error:
            raise ServerUnreachable(
                f"the server's fleet reading cannot be read ({error}); is it of another version?"
            ) from error
        verdict = verify_fleet(stated)
        failed = [f"{check.name} ({check.detail})" for check in verdict.checks if not check.passed]
        certificate, pool = reading.certificate, reading.pool
        if (certificate.mechanism.to_dict(), certificate.diameter) != (dict(pool.mechanism), pool.diameter):
            failed.append(f"pool (is of {pool.mechanism}, diameter {pool.diameter!r})")
        subject = certificate.subject
        if subject is not None and (subject.window, subject.pool) != (reading.window, reading.pool_id):
            failed.append(f"subject (is of pool {subject.pool} in {subject.window})")
        if failed:
            raise InvalidCertificate(f"the fleet certificate of {reading.window} is refused: {'; '.join(failed)}")
        return reading
