export {
  SmoothGen,
  type Certificate,
  type Covers,
  type CoversRequest,
  type GenerateRequest,
  type Job,
  type Model,
  type Neighbours,
  type Options,
  type Plan,
  type Verdict,
  type Waiting,
} from "./client.js";
export type { JobEvent } from "./events.js";
export { type Problem, ProblemError } from "./problem.js";
export type { components, operations, paths } from "./schema.js";
