/** The claim of an exhaustive certificate in one paragraph, in the words of its version, written from its numbers. */

import { TWO_VALUED } from "../bounds/band.js";
import { has } from "../json/data.js";
import { METRICS } from "../meaning/metrics.js";
import { quoted, type LongTexts } from "../meaning/quoting.js";
import { isKnownToBeHeld } from "../meaning/threats.js";
import { USER_TURNS } from "../meaning/turns.js";
import { repr } from "../numbers/decimal.js";
import { patternSought, sentenceWithoutNoise } from "../scores/words.js";
import { answerAsSubject, measuredBy } from "../spread/sentences.js";
import type { ExactClaim, ExhaustiveCertificate } from "./certificate.js";
import { GIVEN_EMBEDDINGS, MODALITIES, SURROUNDING, TOKEN_EMBEDDINGS, unknownMeaning } from "./judgement.js";

export function statement(certificate: ExhaustiveCertificate, long: LongTexts): string {
  return new Words(certificate, long)[certificate.wording === null ? "withoutWording" : "plain"]();
}

class Words {
  constructor(
    private readonly of: ExhaustiveCertificate,
    private readonly long: LongTexts,
  ) {}

  /** Returns the statement plain/v1. */
  plain(): string {
    const what = this.comparesAnswers ? "answer" : "output";
    return [
      ...this.whatHolds(),
      ...this.of.scoreClaims.map((claim) => this.onScore(claim)),
      "No probability is involved: nothing is sampled, so alpha is 0.",
      ...this.whatBreaksIt(),
      ...this.unknownWords(),
      this.heldFixed(),
      `${this.readsTurns ? "No turn" : "No text"} of another token count is covered, and it is not claimed that the ${what} is right.`,
      this.snappedAndRun(),
      ...this.inWasserstein1(),
      ...this.atDistance0(),
      ...this.failedRuns(),
      this.theAttacker(),
      this.unchecked(),
    ].join(" ");
  }

  /** Returns the statement as it was before documents named their wording. */
  withoutWording(): string {
    const { scoreClaims, epsilon } = this.of;
    return [
      this.claimInFirstWords(),
      ...this.keptInFirstWords(),
      `${this.snappedAndRun()} Nothing is sampled: alpha is 0.`,
      ...this.breakingInFirstWords(),
      ...this.failedRuns(),
      ...scoreClaims.map((claim) => this.scoreSentence(claim, epsilon)),
      ...this.unknownWords(),
      this.theAttacker(),
      `${this.heldFixed()} Insertions and deletions are no such attacks.`,
      "That the list leaves out no cheaper sequence, and that the model gave these outputs, is not checked here: it " +
        "takes the table and the model.",
    ].join(" ");
  }

  /** Whether the metric is known to compare answers: its distances are 0 and D, and the tolerance lies between. */
  private get comparesAnswers(): boolean {
    const { metric } = this.of.provenance;
    return metric !== null && METRICS.get(metric.name)?.band === TWO_VALUED;
  }

  /** Whether the claim holds at the asked norm; where only claims on scores were asked there, it may not. */
  private get epsilonReached(): boolean {
    return this.of.epsilon !== null && this.of.claims.w1Bound <= this.of.tolerance;
  }

  private get wasSent(): boolean {
    return this.of.threat?.attackOn === GIVEN_EMBEDDINGS;
  }

  private get moved(): string {
    return this.attacked().replace(/,$/, "");
  }

  private attacked(): string {
    const words = this.of.threat?.attackOn ?? TOKEN_EMBEDDINGS;
    return MODALITIES.has(words) ? words : `input that this document calls ${quoted(words, this.long)},`;
  }

  private get readsTurns(): boolean {
    return this.of.threat?.attackOn === USER_TURNS;
  }

  /** What the model reads where nobody tampers with it. */
  private get whatIsRead(): string {
    return this.wasSent ? "the embeddings sent" : this.readsTurns ? "the conversation" : "the prompt";
  }

  private ownOutput(): string {
    return this.wasSent ? `the output of ${this.whatIsRead}` : `${this.whatIsRead}'s own`;
  }

  private measured(): string {
    const { metric } = this.of.provenance;
    return metric === null ? "" : `, measured by ${measuredBy(metric, this.long)}`;
  }

  private unknownWords(): string[] {
    const unknown = unknownMeaning(this.of);
    return unknown === null ? [] : [`What these words and numbers mean is not checked: ${unknown}.`];
  }

  private answer(): string {
    const { metric } = this.of.provenance;
    if (metric !== null && has(metric.centre, "label")) return answerAsSubject(metric, this.long);
    return this.wasSent ? `the answer to ${this.whatIsRead}` : `${this.whatIsRead}'s own answer`;
  }

  private whatHolds(): string[] {
    const { claims, epsilon, tolerance } = this.of;
    if (claims.radius === 0 && !this.epsilonReached) return [this.nothing()];
    const kept = this.comparesAnswers
      ? `leaves ${this.answer()} as it is, whatever he knows`
      : `leaves the output within ${repr(tolerance)} of ${this.ownOutput()}${this.measured()}, whatever he knows`;
    if (epsilon === null || !this.epsilonReached) {
      return [`Whoever changes the ${this.moved} ${byLess(claims.radius)} ${kept}.`];
    }
    return [
      `Whoever changes the ${this.moved} by at most ${repr(epsilon)} (l2 norm) ${kept}.`,
      `The same holds for changes ${byLess(claims.radius)}.`,
    ];
  }

  private nothing(): string {
    const apart = `at no norm at all, what the snap of the ${this.moved} cannot tell apart may`;
    if (this.comparesAnswers) return `Nothing is claimed of ${this.answer()}: ${apart} give another.`;
    return (
      `Nothing is claimed at the tolerance ${repr(this.of.tolerance)}: ${apart} give outputs that differ by ` +
      `more${this.measured()}.`
    );
  }

  private scoreSentence(claim: ExactClaim, epsilon: number | null): string {
    return sentenceWithoutNoise({ ...claim, failed: failedOf(claim) }, epsilon, this.long);
  }

  /** Returns the sentence on a score. Where all outputs of the runs, or none, match a pattern it says so. */
  private onScore(claim: ExactClaim): string {
    const { asked, bound, radius } = claim;
    const { epsilon } = this.of;
    const told = this.scoreSentence(claim, epsilon);
    const pattern = patternSought(asked.score);
    const [none, every] = [asked.isUpper && bound === 0, !asked.isUpper && bound === 1];
    const provesNothing = epsilon === null && radius === 0;
    if (pattern === null || asked.quantile !== null || !(none || every) || provesNothing) return told;
    const lost = failedOf(claim);
    const failed = lost ? ` ${lost} of its runs have no score and count as the worst.` : "";
    return (
      `Under any change ${this.change(radius)} ${none ? "no" : "every"} output contains a match of the RE2 pattern ` +
      `${quoted(pattern, this.long)}.${failed}`
    );
  }

  private change(radius: number): string {
    const { epsilon } = this.of;
    return epsilon === null ? byLess(radius) : `by at most ${repr(epsilon)} (l2 norm)`;
  }

  private whatBreaksIt(): string[] {
    const broken = this.of.claims.brokenBy;
    if (broken === null) {
      if (this.of.evidence.nextCost === null) return ["No run breaks the claim."];
      return ["No run breaks the claim: it ends where the runs end."];
    }
    const output = this.quotedOutput();
    const distance = `gives an output at distance ${repr(broken.distance ?? 0)}${output}`;
    const gives =
      broken.distance === null ? "failed" : this.comparesAnswers ? `gives another answer${output}` : distance;
    return [`What ends the claim is run ${broken.index}: it ${this.reads()}costs ${repr(broken.cost)} and ${gives}.`];
  }

  private breakingInFirstWords(): string[] {
    const broken = this.of.claims.brokenBy;
    if (broken === null) return [];
    const what = broken.distance === null ? "failed" : `gives an output at distance ${repr(broken.distance)}`;
    const found = `it ${this.reads()}costs ${repr(broken.cost)} and ${what}${this.quotedOutput()}`;
    return [`What ends the claim is run ${broken.index}: ${found}.`];
  }

  private reads(): string {
    return this.of.text === null ? "" : `reads ${quoted(this.of.text, this.long)}, `;
  }

  private quotedOutput(): string {
    return this.of.output === null ? "" : `: ${quoted(this.of.output, this.long)}`;
  }

  private inWasserstein1(): string[] {
    const { epsilon, claims } = this.of;
    if (epsilon === null && claims.radius === 0) return [];
    return [
      `Changes ${this.change(claims.radius)} move the distribution of outputs by no more than ${repr(claims.w1Bound)} in ` +
        `Wasserstein-1${this.measured()}, given the generator's own randomness.`,
    ];
  }

  /** Returns the sentence about changes that move nothing at all; an answer moves by nothing or gets lost. */
  private atDistance0(): string[] {
    if (this.comparesAnswers) return [];
    return this.of.claims.keeps
      .filter(({ radius }) => radius > 0)
      .map(({ radius }) => `Changes ${byLess(radius)} leave the output at distance 0 from ${this.ownOutput()}.`);
  }

  private unchecked(): string {
    const { metric } = this.of.provenance;
    const outputs =
      metric !== null && has(metric.centre, "label")
        ? `that the model gave these outputs, and that the ${this.readsTurns ? "conversation" : "prompt"}'s own output gives the answer named`
        : "and that the model gave these outputs";
    return (
      `That the list leaves out no cheaper sequence, ${outputs}, is not checked here: it takes the table and the ` +
      "model."
    );
  }

  private snappedAndRun(): string {
    const { runs, nextCost } = this.of.evidence;
    const run = runs === 1 ? "the one token sequence" : `${runs} token sequences`;
    const end =
      nextCost === null
        ? "stated to be all there are"
        : `stated to be all that cost less than ${repr(nextCost)}, the cost from which on none was run`;
    return (
      "Every embedding is replaced by the nearest row of a public table before the model sees it, so such an attack " +
      `can only make the model see another token sequence. The model was run on ${run}, ${end}.`
    );
  }

  private failedRuns(): string[] {
    const { failed, runs } = this.of.evidence;
    return failed ? [`${failed} of ${runs} runs failed and lie at the diameter from every output.`] : [];
  }

  private theAttacker(): string {
    return (
      `The attacker may move all embeddings together, and may know ${this.whatIsRead}, the model, the table and the ` +
      "generator's randomness before. The generator's randomness is one draw, the same for every run, or none."
    );
  }

  private heldFixed(): string {
    const stated = this.of.threat?.heldFixed ?? [];
    const held = stated.map((words) =>
      words === SURROUNDING || isKnownToBeHeld(words) ? words : quoted(words, this.long),
    );
    const named = held.length > 0 ? held.join(", ") : "token count, template and positions";
    return `Held fixed, outside the threat: ${named}.`;
  }

  private claimInFirstWords(): string {
    const { claims, epsilon, tolerance } = this.of;
    const [what, measured] = [this.attacked(), this.measured()];
    if (epsilon === null && claims.radius === 0) {
      return (
        `Nothing is claimed at the tolerance ${repr(tolerance)}: at no norm at all, the outputs of what ` +
        `the snap of the ${what} cannot tell apart may differ by ${repr(claims.w1Bound)} in ` +
        `Wasserstein-1${measured}.`
      );
    }
    const norm = epsilon === null ? normBelow(claims.radius) : `l2 norm at most ${repr(epsilon)}`;
    const held = claims.radius > 0 ? normBelow(claims.radius) : "no norm at all";
    const radius = epsilon === null ? "" : ` The tolerance ${repr(tolerance)} holds for ${held}.`;
    return (
      `No attack on the ${what} of ${norm} moves the distribution of outputs by more than ${repr(claims.w1Bound)} in ` +
      `Wasserstein-1${measured}, given the generator's own randomness.${radius}`
    );
  }

  private keptInFirstWords(): string[] {
    return this.of.claims.keeps
      .filter(({ radius }) => radius > 0)
      .map(
        ({ share, radius }) =>
          `For attacks of ${normBelow(radius)} the answer keeps: a share of ${repr(share)} of the outputs lies at ` +
          `distance 0 from ${this.ownOutput()}.`,
      );
  }
}

function failedOf({ series }: ExactClaim): number {
  return series.values.filter((bad) => bad === Infinity).length;
}

function byLess(radius: number): string {
  return radius === Infinity ? "by however much" : `by less than ${repr(radius)} (l2 norm)`;
}

function normBelow(radius: number): string {
  return radius === Infinity ? "any l2 norm" : `l2 norm strictly less than ${repr(radius)}`;
}
