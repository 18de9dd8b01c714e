import type { Certificate } from "../api/types";

/** Returns a copy of a certificate that claims more than was proven, and what was changed, in words. */
export function forged(certificate: Certificate): { document: Certificate; change: string } {
  const { radius } = certificate;
  const counted = certificate.method === "units/v1" || certificate.method === "edits/v1";
  const claimed = radius == null ? 1 : counted ? radius + 1 : radius === 0 ? 1 : 2 * radius;
  return {
    document: { ...certificate, radius: claimed } as Certificate,
    change: `the radius, from ${radius ?? "none"} to ${claimed}`,
  };
}
