/** Sentences that statements are made of: our words, and others' only between quotation marks. */

import type { Lipschitz } from "../bounds/lipschitz.js";
import type { LookPlan } from "../bounds/looks.js";
import { has } from "../json/data.js";
import { described, METRICS } from "../meaning/metrics.js";
import { quoted, type LongTexts } from "../meaning/quoting.js";
import { attackNamed, isKnownToBeHeld } from "../meaning/threats.js";
import { repr } from "../numbers/decimal.js";
import type { MetricIdentity, Provenance } from "../sections.js";
import { Unsupported } from "../verdict.js";
import type { Certificate } from "./certificate.js";
import type { SigmaSelection } from "./selection.js";

export function attacked({ threat }: Provenance, long: LongTexts): string {
  if (threat === null) return "embedding";
  if (attackNamed(threat.attackOn) !== null) return threat.attackOn;
  return `input that this document calls ${quoted(threat.attackOn, long)},`;
}

export function measuredBy(metric: MetricIdentity, long: LongTexts): string {
  const known = METRICS.get(metric.name);
  if (known !== undefined) return described(known, metric.cap);
  const capped = metric.cap === null ? "" : `, capped at ${repr(metric.cap)}`;
  return `what this document calls ${quoted(metric.name, long)}${capped}`;
}

export function heldFixed({ threat }: Provenance, long: LongTexts): string[] {
  if (threat === null || threat.heldFixed.length === 0) return [];
  const held = threat.heldFixed.map((words) => (isKnownToBeHeld(words) ? words : quoted(words, long)));
  return [`Held fixed, outside the threat: ${held.join(", ")}.`];
}

export function answer(metric: MetricIdentity | null, long: LongTexts): string {
  if (metric === null || !has(metric.centre, "label")) return "the centre's answer";
  const label = metric.centre["label"];
  if (label === null) return "no answer (the extraction rule finds none)";
  if (typeof label !== "string") throw new Unsupported("the statement quotes an answer that is no text");
  return `the answer ${quoted(label, long)}`;
}

export function answerAsSubject(metric: MetricIdentity | null, long: LongTexts): string {
  if (metric !== null && has(metric.centre, "label") && metric.centre["label"] === null) {
    return "the absence of an answer (the extraction rule finds none)";
  }
  return answer(metric, long);
}

/** Returns what the numbers rest on beside the samples: looks, a selection of sigma, a constant, unusual noise. */
export function aboutTheProof(certificate: Certificate, long: LongTexts): string[] {
  const { looks, selection, lipschitz, mechanism, evidence } = certificate;
  return [
    ...(evidence.samples === 0 ? [withoutSamples(certificate, "generator that receives this noise.")] : []),
    ...(looks === null ? [] : [earlyStop(looks, evidence.samples)]),
    ...(selection === null ? [] : [selected(selection)]),
    ...(lipschitz === null ? [] : [proven(lipschitz, metricOf(lipschitz, long))]),
    ...(mechanism.remark === null ? [] : [mechanism.remark]),
  ];
}

function metricOf({ metric }: Lipschitz, long: LongTexts): string {
  return METRICS.has(metric) ? metric : quoted(metric, long);
}

/** Returns what is to be known of the samples: randomness, seed, failures, the noise as computed, the snap. */
export function aboutTheSamples(certificate: Certificate): string[] {
  const { roundingSlack, provenance } = certificate;
  const isSnapped = provenance.sampling !== null && provenance.sampling.snap !== null;
  const noise = noiseAsComputed(roundingSlack);
  return [...randomness(certificate), ...failures(certificate), noise, ...(isSnapped ? [SNAPPED] : [])];
}

export const SNAPPED =
  "Before the model saw them, the noisy numbers were replaced, position by position, by their nearest rows " +
  "of the public table whose digest this document states; the bounds hold for the model with this step.";

/** Returns the sentence about the noise that was computed and the ideal noise of the theorems. */
export function noiseAsComputed(roundingSlack: number): string {
  if (!roundingSlack)
    return "The noise is taken to be exactly the ideal noise: nothing is added for how it was computed.";
  return (
    "The generator received the noisy numbers rounded to a public grid; the bounds include what is left between " +
    `this noise and ideal noise, a total variation of at most ${repr(roundingSlack)}.`
  );
}

export function randomness({ provenance, evidence }: Certificate): string[] {
  const { sampling } = provenance;
  if (sampling === null) return [];
  const common =
    "The generator's own randomness is drawn once for all samples; the claim is about outputs given that draw.";
  const client = "The client chose the seed, so the confidence does not hold against that client.";
  return [
    ...(evidence.samples > 0 && sampling.randomness === "common" ? [common] : []),
    ...(sampling.seedOrigin === "client" ? [client] : []),
  ];
}

export function failures({ evidence }: Certificate): string[] {
  if (evidence.failed === 0) return [];
  return [`${evidence.failed} of ${evidence.samples} samples failed and count as the worst distance.`];
}

/** Returns what a certificate without samples rests on. generator: how its version ends the sentence. */
export function withoutSamples({ selection, lipschitz }: Certificate, generator: string): string {
  if (selection !== null) {
    return (
      "No output was measured: this follows from the noise, from the metric's diameter and from the selection of " +
      "the noise level alone."
    );
  }
  if (lipschitz === null) {
    return (
      "Nothing was sampled: this follows from the noise and from the metric's diameter alone, and holds for any " +
      generator
    );
  }
  return (
    "Nothing was sampled: this follows from the noise, from the metric's diameter and from the Lipschitz constant " +
    "alone."
  );
}

export function proven(lipschitz: Lipschitz, metric: string): string {
  return (
    `The generator is proven to move by at most ${repr(lipschitz.constant)} times the norm of an attack plus ` +
    `${repr(lipschitz.offset)} in ${metric}, from ${lipschitz.factors.length} factors whose product this ` +
    "certificate checks and whose proof it does not contain; the bounds use this where it is smaller."
  );
}

export function earlyStop({ sizes }: LookPlan, samples: number): string {
  const [earlier, last] = [sizes.slice(0, -1), sizes[sizes.length - 1]];
  const planned = earlier.length > 0 ? `${earlier.join(", ")} or ${last}` : String(last);
  return (
    `The job could stop early, after ${planned} samples; this certificate was made after ${samples}, and the ` +
    "confidence covers whichever of these looks is taken."
  );
}

export function selected(selection: SigmaSelection): string {
  return (
    `The noise level ${repr(selection.sigma)} was selected for this prompt, from ${selection.sensitivities.length} draws ` +
    `of how sensitive the generator is around it (budget ${repr(selection.budget)}, selection noise ` +
    `${repr(selection.selectionSigma)}): every prompt within ${repr(selection.radius)} has its median sensitivity in the ` +
    `same cell of the public grid ${repr(selection.base)}·2^(k/2), k = ${selection.first} … ` +
    `${selection.last}, so that whoever selects a level for it in the same way, at the same alpha of ` +
    `${repr(selection.alpha)}, serves it at this level or abstains, except with that probability over the draws made ` +
    "for it. Beyond that distance nothing is claimed."
  );
}
