"""The task kind "attacks": a certificate is made, attacked in every way that its model allows, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smoothgen.certificates import Certificate, ExhaustiveCertificate
from smoothgen.errors import InvalidInput
from smoothgen.studies.rows import AttackRow
from smoothgen.studies.store import Task
from workers.evaluation.attacks.certified import Certified, certify, job_of
from workers.evaluation.attacks.on_noise import attack_noise
from workers.evaluation.attacks.on_tokens import attack_tokens
from workers.evaluation.attacks.on_units import attack_units
from workers.evaluation.attacks.settings import KIND, AttackSettings
from workers.serving.loaded_model import LoadedModel

Say = Callable[[str], object]


def run(task: Task, loaded: LoadedModel, *, say: Say = lambda _: None) -> list[AttackRow]:
    """Returns the rows of one task of kind "attacks": every attack on one prompt's certificate.

    say: hears what is being done. Raises InvalidInput for a task of another kind, for settings that are none, for what
    the model does not offer, and GenerationFailed where it gives nothing to certify.
    """
    if task.kind != KIND or task.prompt is None:
        raise InvalidInput(f"a task of kind {KIND!r} with a prompt is needed, got {task.kind!r}", field="task")
    settings = AttackSettings.model_validate(task.settings)
    say(f"certifying {task.prompt!r}")
    made = certify(loaded, job_of(loaded, task, settings), batch_size=settings.batch_size)
    return [*_rows(task, loaded, settings, made, say)]


def _rows(task: Task, loaded: LoadedModel, settings: AttackSettings, made: Certified, say: Say) -> Iterator[AttackRow]:
    certificate = made.certificate
    if certificate is None:
        reason = "" if made.result.abstention is None else made.result.abstention.detail
        say(f"no certificate, so nothing is attacked: {reason}")
        return
    if isinstance(certificate, Certificate):
        yield from attack_noise(task, loaded, settings, made, certificate, say)
    elif isinstance(certificate, ExhaustiveCertificate):
        yield from attack_tokens(task, loaded, settings, made, certificate, say)
    else:
        yield from attack_units(task, loaded, settings, made, certificate, say)
