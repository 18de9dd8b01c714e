/** Whether the words of a document on edits are known ones, and the checks that hold its sections to them. */

import { METRICS, requireMetricToOwnOutput } from "../meaning/metrics.js";
import { judgedOrigin, leftOpen, requireOutput, requireSeed } from "../meaning/origin.js";
import { requireLastTurn } from "../meaning/turns.js";
import { checked, type Check } from "../verdict.js";
import type { EditsCertificate } from "./certificate.js";
import { EDITS_V1, requireEditSet } from "./identity.js";

/** Returns why a document's words do not fix what its numbers mean, null where they do. */
export function unknownMeaning({ provenance, editSet }: EditsCertificate): string | null {
  const { request, model, metric, output } = provenance;
  return leftOpen(Object.entries({ request, model, metric, output, edit_set: editSet }), {
    metric: metric !== null && METRICS.has(metric.name),
    edit_set: editSet?.version === EDITS_V1,
  });
}

/** Returns a check for every section the document has. */
export function judged(stated: EditsCertificate): Check[] {
  const { provenance, editSet, evidence } = stated;
  const { request, model, metric, output } = provenance;
  const { seed } = evidence.of;
  const checks = judgedOrigin(stated.id, stated.requestedAt, request, model);
  const add = (name: string, detail: string, look: () => void): void => void checks.push(checked(name, detail, look));
  add("turns", "the last turn alone", () => requireLastTurn(request));
  if (metric !== null) {
    const detail = METRICS.has(metric.name) ? "the name fixes D" : "is a plug-in's, whose name fixes nothing";
    add("metric", detail, () => requireMetricToOwnOutput(metric, evidence.diameter, evidence.distances));
  }
  if (output !== null) {
    add("output", "of a kind the metric compares", () => requireOutput(output, metric, evidence.diameter, null));
  }
  if (editSet !== null) add("edit_set", "of known kinds", () => requireEditSet(editSet, evidence.of));
  if (seed !== null) add("seed", `the ${seed.origin}'s`, () => requireSeed("draws", seed.seed, seed.origin));
  return checks;
}
