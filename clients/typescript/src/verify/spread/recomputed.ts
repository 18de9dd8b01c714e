/**
 * The claims derived again from the evidence, and compared with what is stated, number by number.
 *
 * Another machine's special functions can tip the outward rounding of the ninth digit by one unit. Of spread/v1 a unit is
 * accepted either way, as it always was; of spread/v2 only where the stated number is itself sound.
 */

import { leastShare } from "../bounds/keeps.js";
import { SPREAD_V1, type BoundCurve } from "../bounds/shiftBounds.js";
import { MACHINE, oneUnitApart } from "../numbers/decimal.js";
import type { AskedClaim } from "../scores/asked.js";
import { curveEpsilons, ScoreCurve } from "../scores/curve.js";
import { Invalid, type Check } from "../verdict.js";
import type { Certificate, Claims, Point, ScoreClaim } from "./certificate.js";
import { boundCurve, boundsOf, claimsAt, derivedRadius, requireSoundInputs } from "./claims.js";

/** Returns a check for every claim. Inputs out of range fail one check that says which. */
export function recomputed(stated: Certificate): Check[] {
  let share: number;
  let differing: Check[];
  try {
    share = requireSoundInputs(stated);
    const curve = boundCurve(stated, share);
    differing = stated.method === SPREAD_V1 ? firstVersion(stated, curve) : currentVersion(stated, curve);
  } catch (error) {
    if (error instanceof Invalid) return [{ name: "inputs", passed: false, detail: error.message }];
    throw error;
  }
  return [
    { name: "inputs", passed: true, detail: "alpha, tolerance, bounds and distances are in range" },
    ...differing,
    ...stated.scoreClaims.map((claim, place) => scoreCheck(`claims.${place}`, claim, stated, share)),
    asked(stated),
  ];
}

/** Returns the check that what is asked at the asked epsilon is met there, by the numbers stated. */
function asked(stated: Certificate): Check {
  const { epsilon, keep, claims } = stated;
  if (!stated.asksShift) return { name: "epsilon", passed: true, detail: "asks for the claims on scores alone" };
  const proven = keep === null ? claims.w1Bound : (valueAt(claims.stays ?? [], epsilon ?? claims.radius) ?? 0);
  const met = epsilon === null || (keep === null ? proven <= stated.tolerance : proven >= keep);
  return { name: "epsilon", passed: met, detail: met ? "what was asked is proven" : `${proven} is not what was asked` };
}

function valueAt(points: readonly Point[], epsilon: number): number | undefined {
  // The last of equal epsilons, as a dictionary holds it.
  return points.filter(([e]) => e === epsilon).at(-1)?.[1];
}

function firstVersion(stated: Certificate, curve: BoundCurve): Check[] {
  const derived = claimsAt(derivedRadius(stated, curve), curve, stated);
  if ((stated.claims.stays === null) !== (derived.stays === null)) return [staysOfAnotherBand()];
  const names = ["radius", "w1_bound", "curve", "deviation", "stays"] as const;
  const [said, follows] = [flattened(stated.claims), flattened(derived)];
  return names.map((name) => compared(name, said[name], follows[name]));
}

function flattened(claims: Claims): Record<"radius" | "w1_bound" | "curve" | "deviation" | "stays", (number | null)[]> {
  return {
    radius: [claims.radius],
    w1_bound: [claims.w1Bound],
    curve: claims.curve.flat(),
    deviation: claims.deviation.flatMap((d) => [d.epsilon, d.gamma, d.toCentre, d.toOutput]),
    stays: (claims.stays ?? []).flat(),
  };
}

/** Returns the check that numbers agree to one unit of their last certified digit. */
export function compared(name: string, said: readonly (number | null)[], follows: readonly (number | null)[]): Check {
  if (said.length !== follows.length) {
    return failed(name, `states ${said.length} numbers where the evidence gives ${follows.length}`);
  }
  for (const [k, s] of said.entries()) {
    const d = follows[k] as number | null;
    if (s !== d && (s === null || d === null || !oneUnitApart(s, d))) return differs(name, s, d);
  }
  return passed(name);
}

function currentVersion(stated: Certificate, curve: BoundCurve): Check[] {
  const { claims } = stated;
  const found = derivedRadius(stated, curve);
  const sound =
    stated.keep === null
      ? isWithin(stated.tolerance, claims.radius, found, curve)
      : isKept(curve, stated.keep, claims.radius, found);
  const radius = sound ? passed("radius") : differs("radius", claims.radius, found);
  const derived = claimsAt(sound ? claims.radius : found, curve, stated);
  if ((claims.stays === null) !== (derived.stays === null)) return [radius, staysOfAnotherBand()];
  return [
    radius,
    w1Check(claims, derived, curve, stated.epsilon ?? derived.radius),
    curveCheck(claims, derived, curve),
    deviationCheck(claims, derived),
    staysCheck(claims, derived, curve),
    ...keepsCheck(stated, derived, curve),
  ];
}

/** Returns whether a stated bound is the printed one, or one unit beside it and still above the unrounded one. */
export function isSoundBound(said: number, printed: number, exact: number): boolean {
  return said === printed || (oneUnitApart(said, printed) && said >= exact * (1 - MACHINE));
}

function isWithin(tolerance: number, radius: number, derived: number, curve: BoundCurve): boolean {
  if (radius === derived) return true;
  if (!oneUnitApart(radius, derived)) return false;
  return radius < derived || curve.at(radius) * (1 - MACHINE) <= tolerance;
}

function isKept(curve: BoundCurve, share: number, radius: number, derived: number): boolean {
  if (radius === derived) return true;
  if (!oneUnitApart(radius, derived)) return false;
  return radius < derived || leastShare(curve, radius) >= share * (1 - MACHINE);
}

function w1Check(claims: Claims, derived: Claims, curve: BoundCurve, at: number): Check {
  const sound = isSoundBound(claims.w1Bound, derived.w1Bound, curve.at(at));
  const inCurve = valueAt(claims.curve, at) === claims.w1Bound;
  return sound && inCurve ? passed("w1_bound") : differs("w1_bound", claims.w1Bound, derived.w1Bound);
}

function curveCheck(claims: Claims, derived: Claims, curve: BoundCurve): Check {
  if (!sameEpsilons(claims.curve, derived.curve)) {
    return failed("curve", "is not stated at the epsilons that follow from the radius");
  }
  for (const [k, [e, said]] of claims.curve.entries()) {
    const printed = (derived.curve[k] as Point)[1];
    if (!isSoundBound(said, printed, curve.at(e))) return differs("curve", said, printed);
  }
  return passed("curve");
}

function deviationCheck(claims: Claims, derived: Claims): Check {
  const row = (d: Claims["deviation"][number]): string => JSON.stringify([d.epsilon, d.gamma, d.toCentre, d.toOutput]);
  const same =
    claims.deviation.length === derived.deviation.length &&
    claims.deviation.every((said, k) => row(said) === row(derived.deviation[k]!));
  return same ? passed("deviation") : failed("deviation", "does not follow from the evidence");
}

function staysCheck(claims: Claims, derived: Claims, curve: BoundCurve): Check {
  if (claims.stays === null || derived.stays === null) return passed("stays");
  if (!sameEpsilons(claims.stays, derived.stays)) return failed("stays", "is not stated at the epsilons of the curve");
  for (const [k, [e, said]] of claims.stays.entries()) {
    const printed = (derived.stays[k] as Point)[1];
    const sound = oneUnitApart(said, printed) && said <= leastShare(curve, e) * (1 + MACHINE);
    if (said !== printed && !sound) return differs("stays", said, printed);
  }
  return passed("stays");
}

function keepsCheck(stated: Certificate, derived: Claims, curve: BoundCurve): Check[] {
  const { keep } = stated;
  const keeps = stated.claims.keeps;
  if (keeps === null) return keep === null ? [] : [failed("keeps", "must be stated, as a share was asked for")];
  if (derived.keeps === null) return [failed("keeps", "is stated for two-valued distances only")];
  const sameShares =
    keeps.length === derived.keeps.length && keeps.every(({ share }, k) => share === derived.keeps?.[k]?.share);
  if (!sameShares) return [failed("keeps", "must state the shares that follow from what was asked")];
  for (const [k, { share, radius }] of keeps.entries()) {
    const follows = derived.keeps[k]!.radius;
    if (!isKept(curve, share, radius, follows)) return [differs("keeps", radius, follows)];
  }
  const ofAsked = keeps.find(({ share }) => share === keep)?.radius;
  if (keep !== null && stated.claims.radius !== ofAsked) {
    return [failed("keeps", "states another radius for the asked share than the certificate")];
  }
  return [passed("keeps")];
}

/** Returns the check of a claim on a score against its own evidence. share: of alpha, that it may spend. */
function scoreCheck(name: string, claim: ScoreClaim, stated: Certificate, share: number): Check {
  if (claim.evidence.samples !== stated.evidence.samples) {
    return failed(name, "rests on another number of samples than the certificate");
  }
  let curve: ScoreCurve;
  try {
    claim.evidence.requireSound();
    curve = new ScoreCurve(claim.asked, claim.evidence, boundsOf(stated), share);
  } catch (error) {
    if (error instanceof Invalid) return failed(name, error.message);
    throw error;
  }
  const derived = curve.radius();
  if (!isScoreRadius(claim, curve, derived)) return differs(name, claim.radius, derived);
  const epsilons = curveEpsilons(claim.radius, stated.epsilon);
  const sameEpsilons = claim.curve.length === epsilons.length && claim.curve.every(([e], k) => e === epsilons[k]);
  if (!sameEpsilons) return failed(name, "its curve is not stated at the epsilons that follow from the radius");
  for (const [epsilon, said] of claim.curve) {
    const printed = curve.at(epsilon);
    if (said !== printed && !isSoundScoreBound(claim.asked, said, printed, curve.full(epsilon))) {
      return differs(name, said, printed);
    }
  }
  const at = stated.epsilon ?? claim.radius ?? 0;
  if (valueAt(claim.curve, at) !== claim.bound) return failed(name, "states another bound than its curve");
  if (stated.epsilon !== null && !claim.asked.metBy(claim.bound)) {
    return failed(name, `the bound ${claim.bound} at the asked epsilon is not what was asked`);
  }
  return passed(name);
}

function isScoreRadius(claim: ScoreClaim, curve: ScoreCurve, derived: number | null): boolean {
  const { radius, asked: of } = claim;
  if (radius === derived) return true;
  if (radius === null || derived === null || !oneUnitApart(radius, derived)) return false;
  if (radius < derived) return true;
  const exact = curve.full(radius);
  const slack = MACHINE * Math.abs(exact);
  return of.isUpper ? exact - slack <= of.limit : exact + slack >= of.limit;
}

/** Returns whether a stated bound is one unit beside the printed one and not on the wrong side of the unrounded one. */
export function isSoundScoreBound(asked: AskedClaim, said: number, printed: number, exact: number): boolean {
  const slack = MACHINE * Math.abs(exact);
  return oneUnitApart(said, printed) && (asked.isUpper ? said >= exact - slack : said <= exact + slack);
}

function sameEpsilons(said: readonly Point[], follows: readonly Point[]): boolean {
  return said.length === follows.length && said.every(([e], k) => e === (follows[k] as Point)[0]);
}

function staysOfAnotherBand(): Check {
  return failed("stays", "is stated for two-valued distances only");
}

function differs(name: string, said: number | null, follows: number | null): Check {
  return failed(name, `states ${said}, the evidence gives ${follows}`);
}

function passed(name: string): Check {
  return { name, passed: true, detail: "follows from the evidence" };
}

function failed(name: string, detail: string): Check {
  return { name, passed: false, detail };
}
