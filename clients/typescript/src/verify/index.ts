/** Verifies SmoothGen certificates: no server is trusted, and none is asked. */

export { verifySignature, type Expected } from "./signature.js";
export { verify } from "./verify.js";
export type { Check, Status, Verification } from "./verdict.js";
