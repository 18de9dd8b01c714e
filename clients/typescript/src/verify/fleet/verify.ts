/** Checks a stranger's fleet certificate: derives what it states from its counts again, and compares every number. */

import { SurvivalBand } from "../bounds/band.js";
import { BoundCurve, ShiftBounds, type Method } from "../bounds/shiftBounds.js";
import { contentDigest } from "../json/canonical.js";
import type { JsonObject } from "../json/data.js";
import { requirePlainNames } from "../meaning/origin.js";
import type { LongTexts } from "../meaning/quoting.js";
import { complement, roundDown, roundUp } from "../numbers/decimal.js";
import { nextAfter } from "../numbers/doubles.js";
import { same } from "../ofRuns.js";
import { isSoundBound } from "../spread/recomputed.js";
import { digestCheck } from "../spread/verify.js";
import { checked, verdictOf, type Check, type Verification } from "../verdict.js";
import { FLEET_V1, readFleet, type Fleet } from "./certificate.js";
import { exceedanceLimit, FRACTIONS, lookAlpha } from "./levels.js";
import { statement } from "./statement.js";
import { poolOf, requireSubject, requireWindow, unknownMeaning } from "./subject.js";

/** The step between the attacks of a curve, in sigmas. Every window has the same ones, so that curves compare point by point. */
const CURVE_STEP = 1 / 16;
const CURVE_POINTS = 33;

/** now: the reader's clock; a window whose time has not ended cannot be closed. */
export async function verifyFleet(
  document: JsonObject,
  method: Method,
  long: LongTexts,
  now: Date,
): Promise<Verification> {
  const stated = readFleet(document, method);
  const { subject, mechanism, closed } = stated;
  const spoken = stated.curve[Math.floor(stated.curve.length / 4)] ?? [0, 0];
  const checks: Check[] = [
    same("confidence", stated.confidence, complement(stated.alpha)),
    same("look_alpha", stated.lookAlpha, lookAlpha(stated.alpha, closed)),
    curveCheck(stated),
    same("statement", document["statement"], statement(stated, spoken, long)),
  ];
  if (mechanism.noise.shape !== null) checks.push(await mechanism.noise.shape.check());
  if (subject !== null) {
    const pool = await poolOf(subject, document);
    checks.push(
      digestCheck("digest", document["digest"], await contentDigest(document)),
      checked("subject", `pool ${subject.pool}`, () => requireSubject(subject, stated, pool)),
      checked("window", "is as it is called by now", () => requireWindow(subject, closed, now)),
      checked("names", "none can be mistaken for a claim", () => requirePlainNames(mechanism)),
    );
  }
  const known = subject !== null && unknownMeaning(subject) === null;
  return verdictOf(checks, known ? "checked" : "not checked", [
    "measurement",
    ...(known ? [] : ["meaning"]),
    ...(mechanism.classes === null ? [] : ["partition"]),
  ]);
}

/** Returns the check of the curve. A unit of the ninth digit is accepted in both directions for fleet/v1. */
function curveCheck(stated: Fleet): Check {
  if (stated.curve.length !== CURVE_POINTS) {
    return { name: "curve", passed: false, detail: `must have ${CURVE_POINTS} points` };
  }
  const curve = boundCurve(stated);
  const differing = stated.curve.findIndex(([epsilon, bound], k) => {
    if (epsilon !== roundDown(k * CURVE_STEP * stated.mechanism.effectiveSigma)) return true;
    const printed = curve.printed(epsilon);
    return stated.method === FLEET_V1 ? !isNear(bound, printed) : !isSoundBound(bound, printed, curve.at(epsilon));
  });
  const passed = differing < 0;
  return { name: "curve", passed, detail: passed ? "follows from the counts" : `point ${differing} does not follow` };
}

function isNear(one: number, other: number): boolean {
  const [low, high] = [Math.min(one, other), Math.max(one, other)];
  return low === high || (high > 0 && roundUp(nextAfter(low, Infinity)) === high);
}

/** Returns min(T1, T5, D) as a function of ε: T5 is T2's integral over the pooled survival. */
function boundCurve({
  counts,
  requests,
  diameter,
  mechanism,
  method,
  roundingSlack,
  alpha,
  closed,
}: Fleet): BoundCurve {
  const share = lookAlpha(alpha, closed) / FRACTIONS.length;
  const levels = counts.map((count) => (requests === 0 ? 1 : exceedanceLimit(count, requests, share)));
  const band = new SurvivalBand(
    [...FRACTIONS, 1].map((fraction) => fraction * diameter),
    levels,
  );
  const bounds = new ShiftBounds(diameter, mechanism, method, roundingSlack, Infinity, null);
  return new BoundCurve(band.raised(roundingSlack), bounds);
}
