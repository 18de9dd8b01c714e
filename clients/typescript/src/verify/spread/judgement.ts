/** Whether the words of a document of noise are known ones, and the checks that hold its sections to them. */

import { NO_SAMPLES } from "../bounds/band.js";
import { SPREAD_V1 } from "../bounds/shiftBounds.js";
import { METRICS, requireMetric } from "../meaning/metrics.js";
import { judgedOrigin, leftOpen, requireOutput, requirePlainNames, requireSampling } from "../meaning/origin.js";
import { attackNamed, requireThreat } from "../meaning/threats.js";
import type { Provenance } from "../sections.js";
import { checked, type Check } from "../verdict.js";
import type { Certificate } from "./certificate.js";
import { requirePaid, requirePlausible } from "./proven.js";

/** Returns why a document's words do not fix what its numbers mean, null where they do. */
export function unknownMeaning(provenance: Provenance): string | null {
  const { request, model, metric, sampling, output, threat } = provenance;
  return leftOpen(Object.entries({ request, model, metric, sampling, output, threat }), {
    metric: metric !== null && METRICS.has(metric.name),
    attack: threat !== null && attackNamed(threat.attackOn) !== null,
  });
}

/** Returns a check for every section the document has. Documents of spread/v1 were never held to this. */
export function judged(stated: Certificate): Check[] {
  if (stated.method === SPREAD_V1) return [];
  const { provenance, evidence, band, mechanism, selection, lipschitz } = stated;
  const { request, model, metric, sampling, output, threat } = provenance;
  const checks = judgedOrigin(stated.id, stated.requestedAt, request, model);
  const add = (name: string, detail: string, look: () => void): void => void checks.push(checked(name, detail, look));
  if (metric !== null) {
    const detail = METRICS.has(metric.name)
      ? "the name fixes D, D_c, band"
      : "is a plug-in's, whose name fixes nothing";
    add("metric", detail, () => requireMetric(metric, evidence.diameter, evidence.bound, band));
  }
  if (sampling !== null) {
    add("sampling", "as a server draws", () => requireSampling(sampling, provenance, band !== NO_SAMPLES));
  }
  if (output !== null) {
    add("output", "of a kind the metric compares", () => requireOutput(output, metric, evidence.bound, stated.keep));
  }
  if (threat !== null) {
    add("threat", "fits the mechanism and the parameters", () =>
      requireThreat(threat, mechanism, stated.roundingSlack, request, metric),
    );
  }
  add("names", "none can be mistaken for a claim", () => requirePlainNames(mechanism));
  if (selection !== null && threat !== null) {
    add("selection", "pays for the rounding of its noise", () => requirePaid(selection, stated));
  }
  if (lipschitz !== null && Object.values(provenance).some((section) => section !== null)) {
    add("constant", "could be of such a model", () => requirePlausible(lipschitz, stated));
  }
  return checks;
}
