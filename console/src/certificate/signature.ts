import type { Verification } from "smoothgen/verify/verdict";
import { verifySignature } from "smoothgen/verify/signature";

import { signingKeys } from "../api/client";
import type { Certificate } from "../api/types";

/** What came of checking a signature; `unchecked` says why it was not checked. */
export type Signed = { verdict: Verification } | { unchecked: string };

/** Says why a signature is rejected. Which digests differ is told by the list of checks. */
export function rejection({ checks, reason }: Verification): string {
  const failed = checks.find((check) => !check.passed);
  const another = failed?.name === "certificate" || failed?.name === "sha256";
  return another ? "The signature is of another document than this one" : (reason ?? "");
}

/** Checks in this browser whether a signature (a compact JWS) is of this certificate, by a key that this server lists. */
export async function checkSignature(signature: string, certificate: Certificate): Promise<Signed> {
  if (!signature.trim()) return { unchecked: "There is no signature, so nobody is shown to have issued it." };
  if (!globalThis.isSecureContext) {
    return {
      unchecked: "The signature was not checked: browsers do cryptography for pages over HTTPS alone. Use smoothgen verify --jwks.",
    };
  }
  const keys = await signingKeys();
  if (keys === undefined) return { unchecked: "The signature was not checked: this server does not sign, and lists no keys." };
  return { verdict: await verifySignature(signature, certificate, keys) };
}
