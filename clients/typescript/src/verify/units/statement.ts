/** The claim of a certificate of units in one paragraph, written again from its numbers. */

import { quoted, type LongTexts } from "../meaning/quoting.js";
import { percent, repr, reprOrNone } from "../numbers/decimal.js";
import { boundInWords, claimInWords, unscoredRuns } from "../scores/words.js";
import { answer, earlyStop, measuredBy } from "../spread/sentences.js";
import type { UnitScoreClaim, UnitsCertificate } from "./certificate.js";
import { unknownMeaning } from "./judgement.js";
import { HELD_FIXED, KINDS, WORDS } from "./threat.js";

const UNCHECKED =
  "That the runs read the units so chosen, in order, without their number or places, and that the model gave these " +
  "outputs, is not checked here: it takes the units and the model.";
const ABOUT_THE_ATTACKER =
  "The attacker does not know which units a run will read. This is about such runs, given the generator's own " +
  "randomness where that is drawn once for all of them; it is not about a run that reads all units, nor about " +
  "whether the answer is right.";

export function statement(certificate: UnitsCertificate, long: LongTexts): string {
  return new Words(certificate, long).all();
}

class Words {
  private readonly singular: string;
  private readonly plural: string;

  constructor(
    private readonly of: UnitsCertificate,
    private readonly long: LongTexts,
  ) {
    const kind = of.threat?.kind ?? "";
    this.singular = KINDS.get(kind) ?? "unit";
    this.plural = KINDS.has(kind) ? kind : "units";
  }

  all(): string {
    const { looks, evidence, seed } = this.of;
    const unknown = unknownMeaning(this.of);
    return [
      ...this.claim(),
      ...this.scores(),
      this.how(),
      this.confidence(),
      ...(looks === null ? [] : [earlyStop(looks, evidence.samples)]),
      ...(seed?.origin === "client"
        ? ["The client chose the seed, so the confidence does not hold against that client."]
        : []),
      ...this.lost(),
      ...(unknown === null ? [] : [`What these words and numbers mean is not checked: ${unknown}.`]),
      ...this.outside(),
      UNCHECKED,
    ].join(" ");
  }

  private claim(): string[] {
    const { claims, altered, keep } = this.of;
    const at = altered ?? claims.radius;
    if (at === 0) return [this.nothing()];
    const given = this.answer();
    const kept = claims.share === null ? null : `${percent(claims.share)} of the runs`;
    const shift = `${repr(claims.w1Bound)} in Wasserstein-1${this.measured()}`;
    const who = `Whoever replaces ${this.any(at)} by ${this.anything(at)}`;
    const sentences =
      keep === null
        ? [
            `${who} moves the distribution of outputs by no more than ${shift}.`,
            ...(kept === null ? [] : [`At least ${kept} still give ${given}.`]),
          ]
        : [
            `${who} leaves ${given} in at least ${kept}.`,
            `The distribution of outputs moves by no more than ${shift}.`,
          ];
    sentences.push(
      `As long as a run still reads ${this.still()}, the same holds for whoever deletes or inserts ${this.plural}: ` +
        `up to ${at} replaced, deleted or inserted in all, and one that moves counts twice.`,
    );
    if (altered !== null && claims.radius > at) {
      sentences.push(`What was asked, ${this.asked()}, holds for up to ${claims.radius}.`);
    }
    if (claims.majority && claims.majority !== at) {
      sentences.push(`The answer keeps its majority, more than half of the runs, for up to ${claims.majority}.`);
    }
    return sentences;
  }

  private scores(): string[] {
    const { scoreClaims, altered, asksShift, tolerance, claims } = this.of;
    const sentences = [];
    if (!asksShift && altered !== null) {
      const asked = reprOrNone(tolerance);
      sentences.push(
        `Only the claims on scores were asked for ${altered} altered; that the distribution of outputs moves by at ` +
          `most ${asked} is proven for ${claims.radius}.`,
      );
    }
    sentences.push(...scoreClaims.map((claim) => this.score(claim)));
    if (scoreClaims.some((claim) => claim.radius || altered)) {
      sentences.push(
        `For scores too, ${this.plural} that are deleted or inserted count as replaced ones, as long as a run still ` +
          `reads ${this.still()}.`,
      );
    }
    return sentences;
  }

  private score(claim: UnitScoreClaim): string {
    const at = this.of.altered ?? claim.radius;
    const bounded = boundInWords(claim.asked, claim.bound, this.long);
    const lost = unscoredRuns(claim.evidence.failed);
    if (at === null) {
      const asked = claimInWords(claim.asked, this.long);
      return `Not proven, even of unaltered ${this.plural}, is that ${asked}; of these ${bounded}.${lost}`;
    }
    if (at === 0) {
      const one = `with one ${this.singular} altered what was asked is not proven`;
      return `With unaltered ${this.plural} ${bounded}; ${one}.${lost}`;
    }
    return `With ${this.any(at)} replaced by ${this.anything(at)}, ${bounded}.${lost}`;
  }

  private still(): string {
    const { size, probability } = this.of.choice;
    return size === null ? `each with probability ${repr(probability as number)}` : `${size} of them`;
  }

  private nothing(): string {
    const { keeps } = this.of.claims;
    const first = `Nothing is claimed of altered ${this.plural}: ${this.asked()} is not proven even with one altered.`;
    const unaltered = keeps?.[0]?.[1];
    if (unaltered === undefined) return first;
    return `${first} Unaltered, they give ${this.answer()} in at least ${percent(unaltered)} of the runs.`;
  }

  private asked(): string {
    const { keep, tolerance } = this.of;
    if (keep !== null) return `that the answer keeps a share of at least ${repr(keep)}`;
    return `that the distribution of outputs moves by at most ${reprOrNone(tolerance)}`;
  }

  private answer(): string {
    return answer(this.of.provenance.metric, this.long);
  }

  private measured(): string {
    const { metric } = this.of.provenance;
    return metric === null ? "" : `, measured by ${measuredBy(metric, this.long)}`;
  }

  private any(altered: number): string {
    const { units } = this.of.choice;
    if (units === 1) return `the one ${this.singular}`;
    return altered === 1 ? `any one of the ${units} ${this.plural}` : `any ${altered} of the ${units} ${this.plural}`;
  }

  /** Returns what may stand in the place of altered units: a word for a word, since two words are two units. */
  private anything(altered: number): string {
    if (this.of.threat?.kind !== WORDS) return "anything at all";
    return altered === 1 ? "any other word" : "any other words, one for each";
  }

  private how(): string {
    const { size, probability } = this.of.choice;
    if (size !== null) {
      return `A run reads ${size} of the ${this.plural} and not the others; every choice of so many is equally likely.`;
    }
    const each = `with probability ${repr(probability as number)}, independently of the others`;
    return `A run reads each of the ${this.plural} ${each}.`;
  }

  private confidence(): string {
    const { evidence, claims, seed, missing, choice, confidence } = this.of;
    const runs = evidence.samples;
    const gave = claims.kept === null ? "" : `, ${claims.kept} of them with that answer`;
    if (seed !== null)
      return `This holds with confidence ${repr(confidence)}, from ${runs} runs drawn at random${gave}.`;
    if (missing) return `Of ${choice.subsets} choices, ${runs} were run${gave}. Nothing is left to chance: alpha is 0.`;
    return `Each of the ${runs} choices was run${gave}, so nothing is left to chance: alpha is 0.`;
  }

  private lost(): string[] {
    const { evidence, missing } = this.of;
    const { failed, samples } = evidence;
    return [
      ...(failed ? [`${failed} of ${samples} runs failed and count as the worst output.`] : []),
      ...(missing ? [`${missing} choices were not run and count as the worst output.`] : []),
    ];
  }

  private outside(): string[] {
    const { threat } = this.of;
    if (threat === null) {
      const unsaid = "This document does not say what the units are; all else is held fixed, outside the threat.";
      return [unsaid, ABOUT_THE_ATTACKER];
    }
    const held = threat.heldFixed.map((words) => (HELD_FIXED.includes(words) ? words : quoted(words, this.long)));
    return [
      ...(KINDS.has(threat.kind) ? [] : [`The units are what this document calls ${quoted(threat.kind, this.long)}.`]),
      `Held fixed, outside the threat: ${held.length > 0 ? held.join(", ") : "all else"}.`,
      ABOUT_THE_ATTACKER,
    ];
  }
}
