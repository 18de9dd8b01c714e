"""Attacks on a certificate of passages: some are replaced by what an attacker writes, and the runs are made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smoothgen.certificates import UnitsCertificate
from smoothgen.contracts import JobSpec
from smoothgen.errors import InvalidInput
from smoothgen.evaluation.falsification import event_lower_bound
from smoothgen.studies.rows import AttackRow
from smoothgen.studies.store import Task
from workers.evaluation.attacks.certified import Certified
from workers.evaluation.attacks.compared import ANSWER, UNPROTECTED
from workers.evaluation.attacks.passages import Planted, answers, lost_runs, planted
from workers.evaluation.attacks.settings import AttackSettings
from workers.serving.loaded_model import LoadedModel

Say = Callable[[str], object]
METHOD = "SmoothGen, passages"


def attack_units(
    task: Task,
    loaded: LoadedModel,
    settings: AttackSettings,
    made: Certified,
    certificate: UnitsCertificate,
    say: Say,
) -> Iterator[AttackRow]:
    """Yields rows of every planted list of passages: on the certificate, and on the model that reads all passages.

    Raises InvalidInput where the settings do not say what the planted passages say (`wrong`).
    """
    if settings.wrong is None:
        raise InvalidInput("an attack on passages needs the answer that they plant; give settings.wrong", field="wrong")
    prompt, passages = task.prompt or "", settings.context or ()
    identity = certificate.provenance.metric
    answer = None if identity is None else identity.centre["label"]
    bare = without_units(made.spec)
    name = f"{task.study}: {task.model}, {task.setting}, {task.prompt!r}"
    for altered in settings.altered:
        if altered >= len(passages):
            continue
        say(f"{altered} planted passages")
        attacks = list(planted(prompt, passages, settings.wrong, altered))
        for attack in attacks:
            yield _protected_row(task, loaded, settings, certificate, bare, attack, answer=answer, name=name)
        if settings.unprotected:
            yield from _bare_rows(task, loaded, settings, certificate, bare, attacks, name=name)


def without_units(spec: JobSpec) -> JobSpec:
    """Returns the job of the plain model: no units, no noise, as a backend without certificates asks it."""
    robustness = spec.request.robustness.model_copy(update={"mechanism": "tokens", "units": None, "keep": None})
    request = spec.request.model_copy(update={"robustness": robustness, "context": None})
    return spec.model_copy(update={"request": request, "units": None, "sigma": None})


def _protected_row(
    task: Task,
    loaded: LoadedModel,
    settings: AttackSettings,
    certificate: UnitsCertificate,
    bare: JobSpec,
    attack: Planted,
    *,
    answer: str | None,
    name: str,
) -> AttackRow:
    lost, runs = lost_runs(
        loaded,
        bare,
        certificate,
        attack,
        prompt=task.prompt or "",
        honest=settings.context or (),
        answer=answer,
        fresh=settings.fresh,
        batch_size=settings.batch_size,
    )
    sampled = certificate.sampled
    share = certificate.bound_for(attack.altered).share or 0.0
    return AttackRow(
        **_about(task, attack, certificate, name),
        method=METHOD,
        estimate=lost / runs,
        lower=event_lower_bound(lost, runs, settings.alpha) if sampled else lost / runs * (1 - 1e-12),
        certified=1 - share,
        alpha=settings.alpha if sampled else 0.0,
        certificate_alpha=certificate.alpha,
    )


def _bare_rows(
    task: Task,
    loaded: LoadedModel,
    settings: AttackSettings,
    certificate: UnitsCertificate,
    bare: JobSpec,
    attacks: list[Planted],
    *,
    name: str,
) -> Iterator[AttackRow]:
    """Yields for every attack whether the model that reads all passages changes its answer: 0 or 1."""
    prompt = task.prompt or ""
    lists = [settings.context or (), *(attack.passages for attack in attacks)]
    texts = ["\n\n".join([*passages, prompt]) for passages in lists]
    before, *after = answers(loaded, bare, texts, batch_size=settings.batch_size)
    for attack, said in zip(attacks, after, strict=True):
        changed = float(said != before)
        yield AttackRow(
            **_about(task, attack, certificate, f"no protection: {name}"),
            method=UNPROTECTED,
            estimate=changed,
            lower=changed,
            certified=1.0,
            alpha=0.0,
            certificate_alpha=0.0,
            found=said,
        )


def _about(task: Task, attack: Planted, certificate: UnitsCertificate, name: str) -> dict[str, object]:
    radius = certificate.radius
    return {
        "study": task.study,
        "model": task.model,
        "setting": task.setting,
        "prompt": task.prompt or "",
        "attack": attack.name,
        "claim": ANSWER,
        "unit": "passages",
        "epsilon": float(attack.altered),
        "multiple": attack.altered / radius if radius else None,
        "certificate": name,
        "tolerance": 1 - (certificate.keep or 0.5),
    }
