/** Verifies SmoothGen certificates: no server is trusted, and none is asked. */

export { verify } from "./verify.js";
export type { Check, Status, Verification } from "./verdict.js";
