/** What a stated Lipschitz constant must fit, and what a selected noise level must have paid for. */

import type { Lipschitz } from "../bounds/lipschitz.js";
import { gridStep, slackPerNumber } from "../mechanisms/grid.js";
import { METRICS } from "../meaning/metrics.js";
import { attackNamed, isOnePass } from "../meaning/threats.js";
import { Invalid } from "../verdict.js";
import type { Certificate } from "./certificate.js";
import type { SigmaSelection } from "./selection.js";

const MOST_FACTORS = 256;
const LEAST_FACTOR = 1e-6;
const TWO_ROUNDINGS = 1 / 255;
const TAIL = 9;
const PIXELS = "pixel-rmse";

/** Throws Invalid where the constant cannot be of this kind of model, or is contradicted by the distances. */
export function requirePlausible(lipschitz: Lipschitz, certificate: Certificate): void {
  const { metric, threat, sampling, request } = certificate.provenance;
  if (metric === null) throw constantError("a constant holds in one metric, and the document has no metric section");
  if (lipschitz.factors.length > MOST_FACTORS || Math.min(...lipschitz.factors) < LEAST_FACTOR) {
    throw constantError(`factors must be at most ${MOST_FACTORS} numbers of at least ${LEAST_FACTOR}`);
  }
  if (sampling !== null && sampling.snap !== null) throw constantError("no constant holds for a model behind a snap");
  const attack = threat === null ? null : attackNamed(threat.attackOn);
  const foreign = attack !== null && (attack.kind !== "head" || (request !== null && !isOnePass(request)));
  if (foreign || (METRICS.has(metric.name) && metric.name !== PIXELS)) {
    throw constantError(`constants are proven for picture networks of one pass, in ${PIXELS}`);
  }
  requireOffset(lipschitz, certificate);
  requireSpread(lipschitz, certificate);
}

/** Throws Invalid where a level was selected under noise whose rounding is not paid for. */
export function requirePaid(selection: SigmaSelection, certificate: Certificate): void {
  const { threat } = certificate.provenance;
  if (threat === null || certificate.roundingSlack === 0) return;
  const least = Math.max(0, threat.dimension) * slackPerNumber(selection.selectionSigma);
  if (selection.roundingSlack < least * (1 - 1e-12)) {
    throw new Invalid(`sigma_selection.rounding_slack must be at least ${least}, got ${selection.roundingSlack}`);
  }
}

/** Two served pictures are each rounded by half a level, two noisy x by half a step of the grid in every number. */
function requireOffset(lipschitz: Lipschitz, { provenance, mechanism }: Certificate): void {
  const { metric, threat } = provenance;
  if (metric === null || metric.name !== PIXELS) return;
  let least = TWO_ROUNDINGS;
  if (threat !== null && mechanism.noise.name === "gaussian") {
    least += lipschitz.constant * gridStep(mechanism.noise.effectiveSigma) * Math.sqrt(Math.max(0, threat.dimension));
  }
  if (lipschitz.offset < least * (1 - 1e-12)) {
    throw constantError(`offset must be at least ${least}, got ${lipschitz.offset}`);
  }
}

/** Samples with one draw of the generator's own randomness lie no further apart than the constant times their noise. */
function requireSpread(lipschitz: Lipschitz, { provenance, mechanism, evidence }: Certificate): void {
  const { threat, sampling } = provenance;
  const distances = evidence.distances.filter(Number.isFinite).sort((a, b) => a - b);
  const oneDraw = sampling !== null && (sampling.randomness === "common" || sampling.randomness === "none");
  if (threat === null || !oneDraw || mechanism.name !== "gaussian" || distances.length < 2) return;
  const length = mechanism.effectiveSigma * (Math.sqrt(Math.max(0, threat.dimension)) + TAIL);
  const apart = (distances[distances.length - 1] as number) - (distances[0] as number);
  const possible = (2 * lipschitz.constant * length + lipschitz.offset) * (1 + 1e-3);
  if (apart > possible) throw constantError(`the distances lie ${apart} apart, which the constant rules out`);
}

function constantError(message: string): Invalid {
  return new Invalid(`lipschitz: ${message}`);
}
