import type { components } from "./schema.js";

/** A problem document (RFC 9457): `type` is stable, `detail` names the value and the remedy. */
export type Problem = components["schemas"]["Problem"];

/** What a call throws where the server answers a problem, or the job that it waits for failed with one. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }

  /** The kind of problem: the last part of its type, such as "not-found". */
  get kind(): string {
    return this.problem.type.slice(this.problem.type.lastIndexOf(":") + 1);
  }
}

/** Returns the problem of an answer that is none of the ones described, such as a proxy's. */
export function unforeseen(response: Response): Problem {
  return {
    type: "about:blank",
    title: response.statusText || "Unforeseen answer",
    status: response.status,
    detail: `${response.url} answered ${response.status} without a problem document; is it a SmoothGen server?`,
  };
}
