import type { Certificate } from "../api/types";

export const NORM = "norm of the attack";

/** Returns what the bounds of a certificate grow with. */
export function acrossOf(certificate: Certificate): string {
  switch (certificate.method) {
    case "edits/v1":
      return "edits at once";
    case "units/v1":
      return `altered ${certificate.threat?.attack_on ?? "units"}`;
    default:
      return NORM;
  }
}

/** Returns what a certificate of units calls one of them. */
export const unitOf = (certificate: { threat?: { attack_on: string } }): string =>
  certificate.threat?.attack_on.replace(/s$/, "") ?? "unit";
