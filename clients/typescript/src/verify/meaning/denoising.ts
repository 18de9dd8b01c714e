/** What a picture request's generation parameters fix of the mechanism and of x: steps, forward noise, dimension. */

import { field, isWhole, type JsonObject } from "../json/data.js";
import type { Noise } from "../mechanisms/mechanism.js";
import { Invalid } from "../verdict.js";

const IN_SIGMAS = new Set([
  "EulerAncestralDiscreteScheduler",
  "EulerDiscreteScheduler",
  "HeunDiscreteScheduler",
  "KDPM2AncestralDiscreteScheduler",
  "KDPM2DiscreteScheduler",
  "LMSDiscreteScheduler",
]);
const VARIANCE_PRESERVING = new Set([
  "DDIMScheduler",
  "DDPMScheduler",
  "DEISMultistepScheduler",
  "DPMSolverMultistepScheduler",
  "DPMSolverSinglestepScheduler",
  "PNDMScheduler",
  "UniPCMultistepScheduler",
]);
const SQUARES = 1e-6;
const MOST_HALVINGS = 4;
const MOST_CHANNELS = 64;

/** Throws Invalid where noise is drawn for fewer steps than the request makes any scheduler take. */
export function requireSteps(noise: Noise, parameters: JsonObject): void {
  const steps = noise.parameters["steps"];
  if (steps === undefined) return;
  const asked = field(parameters, "num_inference_steps") as number;
  if (!isWhole(parameters, "num_inference_steps") || asked < 1) {
    throw new Invalid("threat: request.parameters.num_inference_steps must be a whole number of at least 1");
  }
  let least = asked;
  if ((field(parameters, "image") ?? null) !== null) {
    const strength = field(parameters, "strength");
    if (typeof strength !== "number" || !(strength > 0 && strength <= 1)) {
      throw new Invalid("threat: request.parameters.strength must lie in (0, 1] with an image");
    }
    least = Math.max(1, Math.floor(asked * strength));
  }
  if (steps < least) throw new Invalid(`threat: mechanism.steps is ${steps}, and a scheduler takes at least ${least}`);
}

/** Throws Invalid where a·x + b·ξ is no forward noise of the scheduler. */
export function requireForwardNoise(noise: Noise, parameters: JsonObject): void {
  if (noise.name !== "forward-diffusion") return;
  const [signal, added] = [noise.parameters["signal"] as number, noise.parameters["noise"] as number];
  const asked = field(parameters, "scheduler");
  const scheduler = typeof asked === "string" ? asked : "";
  const preserving = Math.abs(signal ** 2 + added ** 2 - 1) <= SQUARES;
  const inSigmas = signal === 1;
  const mayBeInSigmas = !VARIANCE_PRESERVING.has(scheduler) && inSigmas;
  const mayPreserve = !IN_SIGMAS.has(scheduler) && preserving;
  if (!(mayBeInSigmas || mayPreserve)) {
    throw new Invalid(`threat: signal ${signal} and noise ${added} are no forward noise of scheduler ${scheduler}`);
  }
}

/** Throws Invalid where a latent of so many numbers is none of a picture of the size asked for. */
export function requireLatent(dimension: number, parameters: JsonObject): void {
  const [width, height] = ["width", "height"].map((name) =>
    isWhole(parameters, name) ? (parameters[name] as number) : 0,
  ) as [number, number];
  if (width < 1 || height < 1) throw new Invalid("threat: request.parameters must state width and height in pixels");
  for (let halvings = 0; halvings <= MOST_HALVINGS; halvings++) {
    const places = Math.floor(width / 2 ** halvings) * Math.floor(height / 2 ** halvings);
    if (places > 0 && dimension % places === 0 && dimension / places <= MOST_CHANNELS) return;
  }
  throw new Invalid(`threat: no latent of a picture of ${width}x${height} pixels has ${dimension} numbers`);
}
