/** Whether the words of a document on units are known ones, and the checks that hold its sections to them. */

import { ORDER_STATISTICS, TWO_VALUED } from "../bounds/band.js";
import { METRICS, requireMetric } from "../meaning/metrics.js";
import { judgedOrigin, leftOpen, requireOutput, requireSeed } from "../meaning/origin.js";
import { checked, type Check } from "../verdict.js";
import type { UnitsCertificate } from "./certificate.js";
import { isKnownThreat, requireUnitsThreat } from "./threat.js";

/** Returns why a document's words do not fix what its numbers mean, null where they do. */
export function unknownMeaning({ provenance, threat }: UnitsCertificate): string | null {
  const { request, model, metric, output } = provenance;
  return leftOpen(Object.entries({ request, model, metric, output, threat }), {
    metric: metric !== null && METRICS.has(metric.name),
    attack: threat !== null && isKnownThreat(threat),
  });
}

/** Returns a check for every section the document has. */
export function judged(stated: UnitsCertificate): Check[] {
  const { provenance, threat, evidence, seed, twoValued } = stated;
  const { request, model, metric, output } = provenance;
  const checks = judgedOrigin(stated.id, stated.requestedAt, request, model);
  const add = (name: string, detail: string, look: () => void): void => void checks.push(checked(name, detail, look));
  if (metric !== null) {
    const detail = METRICS.has(metric.name) ? "the name fixes D and D_c" : "is a plug-in's, whose name fixes nothing";
    const band = twoValued ? TWO_VALUED : ORDER_STATISTICS;
    add("metric", detail, () => requireMetric(metric, evidence.diameter, evidence.bound, band));
  }
  if (output !== null) {
    add("output", "of a kind the metric compares", () => requireOutput(output, metric, evidence.bound, null));
  }
  if (threat !== null) add("threat", "fits the request", () => requireUnitsThreat(threat, request));
  if (seed !== null) add("seed", `the ${seed.origin}'s`, () => requireSeed("draws", seed.seed, seed.origin));
  return checks;
}
