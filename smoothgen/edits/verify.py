"""Checks a certificate of edits with the prompt at hand: its set is listed again and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from smoothgen.certificates.edits import EditsCertificate
from smoothgen.certificates.edits.verify import COMPLETENESS
from smoothgen.certificates.stored import read_certificate
from smoothgen.certificates.verification import Check, Verification
from smoothgen.certificates.verify import Verifiable, parsed, verify
from smoothgen.edits.edit_set import edit_set_of
from smoothgen.errors import InvalidInput
from smoothgen.synonyms import Partition


def verify_with_prompt(certificate: Verifiable, prompt: str, variants: Sequence[str] = ()) -> Verification:
    """Returns the verdict of `verify`, with the check `completeness` made: that the set stated is the prompt's, has so
    many texts, and that the texts named as breaking stand at their places in it.

    prompt: the text whose edits were run. variants: those the client gave, in order. That the model gave these outputs
    stays unchecked.

    Raises OSError when a path cannot be read.
    """
    verdict = verify(certificate)
    if not verdict.checks[0].passed:
        return verdict
    stated = read_certificate(parsed(certificate))
    if not isinstance(stated, EditsCertificate):
        made = Check(COMPLETENESS, False, f"method {stated.method!r} lists no edits of a prompt")
        return Verification((*verdict.checks, made))
    made = _complete(stated, prompt, variants)
    checks = tuple(made if check.name == COMPLETENESS else check for check in verdict.checks)
    return replace(verdict, checks=checks, meaning=verdict.meaning if made.passed else "not checked")


def _complete(stated: EditsCertificate, prompt: str, variants: Sequence[str]) -> Check:
    identity, evidence = stated.edit_set, stated.evidence
    if identity is None:
        return Check(COMPLETENESS, False, "the document does not say which set of edits it is of")
    if identity.partition is not None and identity.partition != Partition.load().digest:
        detail = f"its synonym classes are {identity.partition!r:.80}, and this library has {Partition.load().digest}"
        return Check(COMPLETENESS, False, detail)
    request = stated.provenance.request
    if request is not None and request.prompt_digest != _digest_of(prompt):
        return Check(COMPLETENESS, False, "the request was for another prompt, by its sha256")
    try:
        edits = edit_set_of(identity, prompt, variants)
        found = (edits.identity, edits.size, edits.singles)
    except InvalidInput as error:
        return Check(COMPLETENESS, False, f"the set cannot be listed: {error}")
    if found != (identity, evidence.size, evidence.singles):
        detail = f"the prompt's set has {edits.size} texts, {edits.singles} of them one edit away, and {edits.digest}"
        return Check(COMPLETENESS, False, f"{detail}; another is stated")
    for place, edit in enumerate(stated.claims.broken_by):
        if not 0 <= edit.index < edits.size:
            return Check(COMPLETENESS, False, f"the set has no number {edit.index}")
        if stated.texts is not None and stated.texts[place] != edits.text_at(edit.index):
            return Check(COMPLETENESS, False, f"number {edit.index} of the set reads otherwise")
    return Check(COMPLETENESS, True, f"the set is that of the prompt: {edits.size} texts, listed again")


def _digest_of(prompt: str) -> str:
    return f"sha256:{hashlib.sha256(prompt.encode('utf-8', 'surrogatepass')).hexdigest()}"
