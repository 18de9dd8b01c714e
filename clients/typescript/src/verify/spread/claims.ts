/** What a certificate of noise states, derived from what it rests on: the radius, the curve of bounds, and T3. */

import { buildBand, NO_SAMPLES, requireAlpha, TWO_VALUED } from "../bounds/band.js";
import { keepRadius, keptShare, requireKeep } from "../bounds/keeps.js";
import { certifiedRadius } from "../bounds/radius.js";
import { BoundCurve, ShiftBounds } from "../bounds/shiftBounds.js";
import { roundDown, roundUp } from "../numbers/decimal.js";
import { nextAfter } from "../numbers/doubles.js";
import { requireAsked } from "../scores/asked.js";
import { Invalid } from "../verdict.js";
import type { Certificate, Claims, Deviation } from "./certificate.js";
import { remainingAlpha, requireSoundSelection } from "./selection.js";

const CURVE_POINTS = 33;
const DEVIATION_GAMMAS = [0.5, 0.1, 0.05, 0.01];
const KEPT_SHARES = [0.5, 0.9, 0.99];

/**
 * Refuses what no certificate may rest on, and returns the alpha that the distances' claims, and each claim on a score,
 * may spend. Throws Invalid.
 */
export function requireSoundInputs(stated: Certificate): number {
  const { evidence, looks } = stated;
  if (stated.band === NO_SAMPLES) {
    evidence.requireNone();
    if (looks !== null) throw new Invalid("band no-samples/v1 takes no looks");
  } else {
    evidence.requireSound();
  }
  requireSoundRequest(stated);
  const distance = stated.provenance.output?.distanceToCentre ?? null;
  if (distance !== null && !(distance >= 0)) throw new Invalid("output.distance_to_centre must be at least 0");
  const together = alphaOfLooks(stated);
  if (looks === null) return claimShare(together, stated.scoreClaims.length);
  if (looks.sizes.length === 1 && looks.sizes[0] === evidence.samples && looks.alphas[0] === together) {
    throw new Invalid("a single look that spends all of alpha is no plan; leave looks out");
  }
  looks.requireWithin(together);
  return claimShare(looks.alphaAt(evidence.samples), stated.scoreClaims.length);
}

function requireSoundRequest(stated: Certificate): void {
  requireAlpha(stated.alpha);
  const asked = stated.scoreClaims.map((claim) => claim.asked);
  requireAsked(asked, stated.asksShift, stated.keep);
  if (!(stated.tolerance > 0 && stated.tolerance < stated.evidence.diameter)) {
    throw new Invalid(`tolerance must lie strictly between 0 and the diameter, got ${stated.tolerance}`);
  }
  if (stated.epsilon !== null && !(stated.epsilon > 0)) throw new Invalid("epsilon must be positive");
  if (stated.keep === null) return;
  requireKeep(stated.keep);
  if (stated.band !== TWO_VALUED) throw new Invalid(`keep needs distances of band ${TWO_VALUED}`);
}

function alphaOfLooks(stated: Certificate): number {
  const metric = stated.provenance.metric;
  if (stated.lipschitz !== null && metric !== null && stated.lipschitz.metric !== metric.name) {
    throw new Invalid(`the Lipschitz constant is proven in metric ${stated.lipschitz.metric}, not in ${metric.name}`);
  }
  if (stated.selection === null) return stated.alpha;
  requireSoundSelection(stated.selection, stated.mechanism, stated.alpha);
  return remainingAlpha(stated.alpha, stated.selection.alpha);
}

/** Returns an equal share of a look's alpha for the distances and each claim on a score. Throws Invalid. */
export function claimShare(alpha: number, claims: number): number {
  if (claims === 0) return alpha;
  const share = nextAfter(alpha / (claims + 1), 0);
  requireAlpha(share);
  return share;
}

/** Returns how bounds follow from a band, by the method and everything else that enters them. */
export function boundsOf(stated: Certificate): ShiftBounds {
  return new ShiftBounds(
    stated.evidence.diameter,
    stated.mechanism,
    stated.method,
    stated.roundingSlack,
    stated.selection === null ? Infinity : stated.selection.radius,
    stated.lipschitz,
  );
}

/** Returns ε ↦ the W₁ bound that the distances prove. */
export function boundCurve(stated: Certificate, alpha: number): BoundCurve {
  const bounds = boundsOf(stated);
  const worst = bounds.worstDistance(stated.evidence.bound);
  const band = buildBand(stated.band, stated.evidence.ordered(worst), worst, alpha);
  return new BoundCurve(band.raised(bounds.roundingSlack), bounds);
}

/** Returns the radius of what was asked: of the share to be kept, or else of the tolerance. */
export function derivedRadius(stated: Certificate, curve: BoundCurve): number {
  const sampled = stated.band !== NO_SAMPLES;
  if (stated.keep === null) return certifiedRadius(curve, stated.tolerance, sampled);
  return sampled ? keepRadius(curve, stated.keep) : 0;
}

/** Returns everything that a certificate of this radius states. */
export function claimsAt(radius: number, curve: BoundCurve, stated: Certificate): Claims {
  const { epsilon, band } = stated;
  const asked = epsilon ?? radius;
  const own = [...new Set([asked, radius])].sort((a, b) => a - b);
  const steps = Array.from({ length: CURVE_POINTS }, (_, k) => roundDown((2 * radius * k) / (CURVE_POINTS - 1)));
  const epsilons = [...new Set([...steps, ...own])].sort((a, b) => a - b);
  const twoValued = band === TWO_VALUED;
  return {
    radius,
    w1Bound: curve.printed(asked),
    curve: epsilons.map((e) => [e, curve.printed(e)]),
    deviation: band === NO_SAMPLES ? [] : own.flatMap((e) => deviations(stated, curve, e)),
    stays: twoValued ? epsilons.map((e) => [e, keptShare(curve, e)]) : null,
    keeps: twoValued ? sharesOf(stated).map((share) => ({ share, radius: keepRadius(curve, share) })) : null,
  };
}

function sharesOf({ keep }: Certificate): number[] {
  return [...new Set([...KEPT_SHARES, ...(keep === null ? [] : [keep])])].sort((a, b) => a - b);
}

function deviations(stated: Certificate, { survival, bounds }: BoundCurve, epsilon: number): Deviation[] {
  const attacked = survival.levels.map((level) => bounds.attacked(level, epsilon));
  const distance = stated.provenance.output?.distanceToCentre ?? null;
  return DEVIATION_GAMMAS.map((gamma) => {
    const toCentre = survival.quantile(gamma, attacked);
    const toOutput =
      distance === null ? null : Math.min(roundUp(nextAfter(toCentre + distance, Infinity)), bounds.diameter);
    return { epsilon, gamma, toCentre, toOutput };
  });
}
