/** The claim of a certificate of edits in one paragraph, written again from its numbers. */

import { has } from "../json/data.js";
import { quoted, type LongTexts } from "../meaning/quoting.js";
import { repr, reprOrNone } from "../numbers/decimal.js";
import { boundInWords, claimInWords, unscoredRuns } from "../scores/words.js";
import { answer, measuredBy } from "../spread/sentences.js";
import type { EditsCertificate, EditsScoreClaim } from "./certificate.js";
import { EDITS_V1 } from "./identity.js";
import { unknownMeaning } from "./judgement.js";

const NO_ADVERSARY =
  "This is no claim against an adversary who chooses the edit: he may choose one of the others, and nothing is " +
  "claimed about how far its output moves.";
const UNCHECKED =
  "That the texts run are those of the set, and that the model gave these outputs, is not checked here: it takes the " +
  "prompt and the model.";
const MOST_SHOWN = 3;

export function statement(certificate: EditsCertificate, long: LongTexts): string {
  return new Words(certificate, long).all();
}

class Words {
  constructor(
    private readonly of: EditsCertificate,
    private readonly long: LongTexts,
  ) {}

  all(): string {
    const unknown = unknownMeaning(this.of);
    return [
      ...(this.isSampled ? this.sampled() : this.exact()),
      ...this.ownAnswer(),
      ...this.scores(),
      ...this.broken(),
      ...this.failed(),
      this.set(),
      ...(unknown === null ? [] : [`What these words and numbers mean is not checked: ${unknown}.`]),
      "The generator's randomness is one draw, the same for every run, or none.",
      UNCHECKED,
    ].join(" ");
  }

  private get isSampled(): boolean {
    return this.of.evidence.of.seed !== null;
  }

  private measured(): string {
    const { metric } = this.of.provenance;
    return metric === null ? "" : `, measured by ${measuredBy(metric, this.long)}`;
  }

  private exact(): string[] {
    const { claims, tolerance, evidence } = this.of;
    const { size, singles } = evidence.of;
    const within = `the output within the tolerance ${repr(tolerance)} of the prompt's own${this.measured()}`;
    const all = size === 1 ? "The one edit of the prompt in the set keeps" : `All ${size} edits in the set keep`;
    const first =
      claims.kept === size
        ? `${all} ${within}.`
        : `${claims.kept} of the ${size} edits of the prompt in the set, a share of at least ${repr(claims.share)}, ` +
          `keep ${within}; ${size - claims.kept} do not.`;
    const [ofSingles] = claims.curve;
    return [
      first,
      `${claims.unchanged} of ${size} leave it at distance 0.`,
      "Whoever chooses among them, at random or not, and knows the prompt, the model and its randomness before, " +
        `moves the distribution of outputs by no more than ${reprOrNone(claims.w1Bound)} in Wasserstein-1, given the ` +
        "generator's own randomness.",
      ...(ofSingles !== undefined && claims.curve.length > 1
        ? [`The ${singles} texts one edit away move it by no more than ${repr(ofSingles[1])}.`]
        : []),
      "The model was run on every text in the set and nothing is sampled: alpha is 0.",
    ];
  }

  private sampled(): string[] {
    const { claims, evidence, tolerance, confidence } = this.of;
    const { size, seed } = evidence.of;
    const kept = `keeps the output within the tolerance ${repr(tolerance)} of the prompt's own${this.measured()}`;
    const first =
      claims.share === 0
        ? `Nothing is claimed: what share of the ${size} edits ${kept} is not known.`
        : `Of the ${size} edits of the prompt in the set, a share of at least ${repr(claims.share)} ${kept}, with ` +
          `confidence ${repr(confidence)} over the draw of the edits.`;
    const drawn = evidence.runs === 1 ? "1 edit was" : `${evidence.runs} edits were`;
    return [
      first,
      NO_ADVERSARY,
      `${drawn} drawn uniformly, with replacement, and run: ${claims.kept} kept it, ${claims.unchanged} at distance 0.`,
      ...(seed?.origin === "client"
        ? ["The client chose the seed: the confidence is that of a seed chosen without a look at any output."]
        : []),
    ];
  }

  private ownAnswer(): string[] {
    const { metric } = this.of.provenance;
    if (metric === null || !has(metric.centre, "label")) return [];
    return [`The prompt's own output gives ${answer(metric, this.long)}.`];
  }

  private scores(): string[] {
    const sentences = this.of.scoreClaims.map((claim) => this.score(claim));
    if (sentences.length === 0 || !this.isSampled) return sentences;
    return [...sentences, "These shares of scores, too, are no claims against an adversary who chooses the edit."];
  }

  private score(claim: EditsScoreClaim): string {
    const { size } = this.of.evidence.of;
    const asked = claimInWords(claim.asked, this.long);
    const lost = unscoredRuns(claim.series.values.filter((bad) => bad === Infinity).length);
    if (claim.bound === null) {
      const held = `a share of at least ${repr(claim.share)} of the ${size} edits gives outputs such that`;
      return `With the same confidence, ${held} ${asked}.${lost}`;
    }
    const bounded = boundInWords(claim.asked, claim.bound, this.long);
    if (claim.kept === size) {
      return `Whoever chooses among the edits, or leaves the prompt as it is, ${bounded}.${lost}`;
    }
    return (
      `With ${claim.kept} of the ${size} edits, a share of at least ${repr(claim.share)}, ${asked}; with ` +
      `${size - claim.kept} it is not. Whoever chooses among the edits, ${bounded}.${lost}`
    );
  }

  private broken(): string[] {
    const { claims, texts, outputs } = this.of;
    const shown = claims.brokenBy.slice(0, MOST_SHOWN).map(({ index, distance }, place) => {
      const [text, output] = [texts[place] ?? null, outputs[place] ?? null];
      const read = text === null ? "" : `, which reads ${quoted(text, this.long)},`;
      const what = distance === null ? " failed" : ` gives an output at distance ${repr(distance)}`;
      return `number ${index}${read}${what}${output === null ? "" : `: ${quoted(output, this.long)}`}`;
    });
    if (shown.length === 0) return [];
    const first = claims.broken === shown.length ? "" : `; these are the first ${shown.length}`;
    const known = claims.broken === 1 ? "1 edit is" : `${claims.broken} edits are`;
    return [`${known} known to break the claim${first}: ${shown.join("; ")}.`];
  }

  private failed(): string[] {
    const { failed, runs } = this.of.evidence;
    return failed ? [`${failed} of ${runs} runs failed and lie at the diameter from every output.`] : [];
  }

  private set(): string {
    const { editSet } = this.of;
    if (editSet === null) {
      return "This document does not say which set of edits it is; all else of the request is held fixed.";
    }
    const version = editSet.version === EDITS_V1 ? editSet.version : quoted(editSet.version, this.long);
    const kinds = editSet.kinds.map((kind) => quoted(kind, this.long)).join(", ") || "none";
    const together = editSet.atOnce === 2 ? "up to 2 edits together" : "one edit at a time";
    const listed = editSet.variants === 1 ? "1 text" : `${editSet.variants} texts`;
    const given = editSet.variants ? `, and ${listed} that the client gave` : "";
    return (
      `The set is of version ${version}: kinds ${kinds}, ${together}${given}; all else of the request is held fixed. ` +
      "An edit may change what the prompt means."
    );
  }
}
