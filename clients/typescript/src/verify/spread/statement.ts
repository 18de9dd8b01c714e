/** The certificate's claim in one paragraph, in the words of its version, written again from its numbers. */

import { SPREAD_V1 } from "../bounds/shiftBounds.js";
import { has } from "../json/data.js";
import { MAJORITY } from "../meaning/origin.js";
import type { LongTexts } from "../meaning/quoting.js";
import { attackNamed } from "../meaning/threats.js";
import { repr as literal } from "../meaning/unicode.js";
import { repr } from "../numbers/decimal.js";
import { sentenceUnderNoise } from "../scores/words.js";
import { Unsupported } from "../verdict.js";
import type { Certificate } from "./certificate.js";
import { unknownMeaning } from "./judgement.js";
import {
  aboutTheProof,
  aboutTheSamples,
  answer,
  answerAsSubject,
  attacked,
  earlyStop,
  failures,
  heldFixed,
  measuredBy,
  proven,
  randomness,
  selected,
  withoutSamples,
} from "./sentences.js";

export function statement(certificate: Certificate, long: LongTexts): string {
  if (certificate.method === SPREAD_V1) return firstWords(certificate);
  return certificate.wording === null ? withoutWording(certificate, long) : plainWords(certificate, long);
}

/** Returns the statement plain/v1. */
function plainWords(certificate: Certificate, long: LongTexts): string {
  const { provenance } = certificate;
  return [
    ...whatHolds(certificate, long),
    ...askedAlone(certificate),
    ...onScores(certificate, long),
    `This holds with confidence ${repr(certificate.confidence)}: a certificate that says too much comes with ` +
      `probability ${repr(certificate.alpha)} at most, over the noise that was drawn for it.`,
    ...unknownWords(certificate),
    `What is attacked: the ${attacked(provenance, long).replace(/,$/, "")}.`,
    ...heldFixed(provenance, long),
    notClaimed(certificate),
    ...aboutTheProof(certificate, long),
    ...aboutTheSamples(certificate),
  ].join(" ");
}

function onScores({ scoreClaims, epsilon }: Certificate, long: LongTexts): string[] {
  return scoreClaims.map((claim) => sentenceUnderNoise({ ...claim, failed: claim.evidence.failed }, epsilon, long));
}

function unknownWords({ provenance }: Certificate): string[] {
  const unknown = unknownMeaning(provenance);
  return unknown === null ? [] : [`What these words and numbers mean is not checked: ${unknown}.`];
}

function whatHolds(certificate: Certificate, long: LongTexts): string[] {
  const { claims, keep, epsilon } = certificate;
  const { metric } = certificate.provenance;
  const measured = metric === null ? "" : `, measured by ${measuredBy(metric, long)}`;
  const distribution = `the distribution of outputs moves by no more than ${repr(claims.w1Bound)} in Wasserstein-1${measured}.`;
  if (claims.stays === null) return [`If someone tampers, by at most ${attack(certificate)}, ${distribution}`];
  const norm = epsilon ?? claims.radius;
  if (keep !== null && !norm) {
    const nothing =
      `Nothing is claimed: it is not proven that ${answerAsSubject(metric, long)} keeps a share of ` +
      `${repr(keep)} of the outputs, not even where nobody tampers with anything.`;
    return [nothing, ...otherShares(certificate)];
  }
  return [
    ...answerKept(certificate, long),
    ...otherShares(certificate),
    `Under any attack of norm at most ${repr(norm)} ${distribution}`,
  ];
}

/** Returns that at the asked norm only claims on scores were asked, and how far the tolerance holds. */
function askedAlone({ asksShift, epsilon, claims, tolerance }: Certificate): string[] {
  if (asksShift || epsilon === null) return [];
  const moves = `the distribution moves by no more than ${repr(tolerance)}`;
  const held = claims.radius
    ? `That ${moves} holds up to a norm of ${repr(claims.radius)}.`
    : `It is not proven that ${moves}.`;
  return [`Only the claims on scores were asked at the norm ${repr(epsilon)}. ${held}`];
}

function answerKept(certificate: Certificate, long: LongTexts): string[] {
  const { output, metric } = certificate.provenance;
  const answered = answerAsSubject(metric, long);
  const kept = `${answered} keeps at least a share of ${repr(certificate.keep ?? staying(certificate))} of the outputs.`;
  if (output === null || output.kind !== MAJORITY) {
    return [`If someone tampers, by at most ${attack(certificate)}, ${kept}`];
  }
  return [
    `Nobody who tampers, by less than ${attack(certificate)}, makes ${answered} lose its majority: more than half ` +
      "of all outputs give it.",
    `At that norm ${kept}`,
  ];
}

/** Returns the probability of staying at the first stated epsilon that reaches the asked one. */
function staying({ claims, epsilon }: Certificate): number {
  const norm = epsilon ?? claims.radius;
  return (claims.stays ?? []).find(([reached]) => reached >= norm)?.[1] ?? 0;
}

function otherShares({ claims, keep }: Certificate): string[] {
  const kept = (claims.keeps ?? []).filter(({ share, radius }) => radius > 0 && share !== keep);
  if (kept.length === 0) return [];
  const listed = kept.map(({ share, radius }) => `${repr(share)} up to a norm of ${repr(radius)}`).join(", and ");
  return [`The answer keeps at least a share of ${listed}.`];
}

function attack({ provenance, epsilon, claims, mechanism }: Certificate): string {
  const known = provenance.threat === null ? null : attackNamed(provenance.threat.attackOn);
  const what = known === null ? "the numbers that the generator reads" : known.tampered;
  return `${repr(epsilon ?? claims.radius)} in ${mechanism.norm} norm, with ${what}`;
}

function notClaimed({ provenance, mechanism }: Certificate): string {
  const known = provenance.threat === null ? null : attackNamed(provenance.threat.attackOn);
  const noTruth = "It does not say that an output is right.";
  if (known?.kind === "conversation") return `It covers no rewording of any turn, however close in meaning. ${noTruth}`;
  if (known?.kind !== "language") return noTruth;
  const beyond = mechanism.classes === null ? "It" : "Beyond the synonym classes it";
  return `${beyond} covers no rewording of the prompt, however close in meaning. ${noTruth}`;
}

/** Returns the statement of spread/v2 as it was before documents named their wording. */
function withoutWording(certificate: Certificate, long: LongTexts): string {
  const { provenance } = certificate;
  const { metric } = provenance;
  const measured = metric === null ? "" : `, measured by ${measuredBy(metric, long)}`;
  return [
    movesByNoMore(certificate, attacked(provenance, long), measured),
    ...unknownWords(certificate),
    ...aboutTheProof(certificate, long),
    ...freshOutput(certificate, () => answer(metric, long)),
    ...onScores(certificate, long),
    ...heldFixed(provenance, long),
    ...aboutTheSamples(certificate),
  ].join(" ");
}

function movesByNoMore(certificate: Certificate, attackOn: string, measured: string): string {
  const { claims, epsilon, confidence, mechanism } = certificate;
  return (
    `With confidence ${repr(confidence)}, no attack on the ${attackOn} of ` +
    `${mechanism.norm} norm at most ${repr(epsilon ?? claims.radius)} moves the distribution of outputs by more than ` +
    `${repr(claims.w1Bound)} in Wasserstein-1${measured}.`
  );
}

function freshOutput(certificate: Certificate, answered: () => string): string[] {
  if (certificate.claims.stays === null) return [];
  const kept = repr(staying(certificate));
  return [`Under any such attack a fresh output gives ${answered()} with probability at least ${kept}.`];
}

/** Returns the statement of spread/v1, word for word as it has always been read. */
function firstWords(certificate: Certificate): string {
  const { provenance, looks, selection, lipschitz, mechanism, evidence } = certificate;
  const { metric, threat } = provenance;
  const measured = metric === null ? "" : `, measured by ${metric.description}`;
  return [
    movesByNoMore(certificate, threat?.attackOn ?? "embedding", measured),
    ...(evidence.samples === 0 ? [withoutSamples(certificate, "generator whatsoever.")] : []),
    ...(looks === null ? [] : [earlyStop(looks, evidence.samples)]),
    ...(selection === null ? [] : [selected(selection)]),
    ...(lipschitz === null ? [] : [proven(lipschitz, lipschitz.metric)]),
    ...(mechanism.remark === null ? [] : [mechanism.remark]),
    ...freshOutput(certificate, () => firstAnswer(certificate)),
    ...(threat !== null && threat.heldFixed.length > 0
      ? [`Held fixed, outside the threat: ${threat.heldFixed.join(", ")}.`]
      : []),
    ...randomness(certificate),
    ...failures(certificate),
  ].join(" ");
}

function firstAnswer({ provenance }: Certificate): string {
  const centre = provenance.metric?.centre;
  if (centre === undefined || !has(centre, "label")) return "the centre's answer";
  const label = centre["label"];
  if (label === null) return "no answer (the extraction rule finds none)";
  if (typeof label === "string") return `the answer ${literal(label)}`;
  throw new Unsupported("a spread/v1 statement quotes an answer that is no text");
}
