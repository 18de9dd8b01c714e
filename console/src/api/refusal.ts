import { storedKey } from "./key";
import type { Problem } from "./types";

/** What the server refused or could not do, as one sentence for people. */
export class Refusal extends Error {
  constructor(
    sentence: string,
    readonly status: number,
  ) {
    super(sentence);
  }
}

export const SILENT = "The server does not answer. Check that it runs and that this machine reaches it, then try again.";

/** Returns the refusal that an answer other than 2xx stands for. */
export function refusalOf(response: Response, problem: Problem | undefined): Refusal {
  return new Refusal(sentence(response, problem), response.status);
}

/** Returns what went wrong as a sentence, whatever was thrown. */
export function reason(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  return error instanceof TypeError ? SILENT : String(error); // fetch throws a TypeError where nobody answers
}

function sentence(response: Response, problem: Problem | undefined): string {
  if (response.status === 401) {
    return storedKey()
      ? "The server does not know this API key. Correct it under “API key” at the top of the page."
      : "The server asks for an API key. Write yours under “API key” at the top of the page.";
  }
  const said = problem?.detail ?? `the server answered ${response.status} and did not say why`;
  const told = said.charAt(0).toUpperCase() + said.slice(1) + (/[.!?]$/.test(said) ? "" : ".");
  const wait = response.headers.get("Retry-After");
  if (response.status === 429) return `Nothing was accepted: too much work waits. ${told}`;
  if (response.status === 503 && wait) return `${told} Try again in ${wait} s.`;
  return told;
}
