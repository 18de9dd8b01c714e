/** The seed of what was drawn, as documents without noise state it. */

import { asObject, asString, requireFields, type Json } from "./json/data.js";
import { SCHEME } from "./meaning/origin.js";
import { Invalid } from "./verdict.js";

export interface SeedOfDraws {
  /** 32 hexadecimal digits. */
  readonly seed: string;
  readonly origin: "server" | "client";
}

/** Reads a seed. Throws Invalid for another shape, another scheme of noise, and digits that are no seed. */
export function readSeed(value: Json | undefined, where: string): SeedOfDraws {
  const fields = asObject(value, where);
  requireFields(fields, where, ["seed", "seed_origin", "noise_scheme"]);
  if (fields["noise_scheme"] !== SCHEME) throw new Invalid(`${where}.noise_scheme must be ${SCHEME}`);
  const [seed, origin] = [asString(fields["seed"], `${where}.seed`), fields["seed_origin"]];
  if (!/^[0-9a-f]{32}$/.test(seed)) throw new Invalid(`${where}.seed must be 32 small hexadecimal digits`);
  if (origin !== "server" && origin !== "client") throw new Invalid(`${where}.seed_origin must be server or client`);
  return { seed, origin };
}
