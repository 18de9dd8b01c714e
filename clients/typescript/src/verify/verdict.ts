/** The verdict on a document, and the two ways in which a document is refused. */

/** One thing that was checked, whether it holds, and what was found. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
}

/**
 * valid: every check that Python's `verify` makes was made here and passed.
 * rejected: a check failed, or the text is no certificate.
 * unsupported: this verifier does not know the method, or a part of the document, and so says nothing about it.
 */
export type Status = "valid" | "rejected" | "unsupported";

export interface Verification {
  readonly status: Status;
  /** True exactly where `status` is "valid". */
  readonly valid: boolean;
  /** Whether the words of the document are known ones that fix what its numbers are about. */
  readonly meaning: "checked" | "not checked";
  readonly checks: readonly Check[];
  /** What a valid document leaves open, by name: see README.md, "What it does not check". */
  readonly unchecked: readonly string[];
  /** Why the document is not valid, in one sentence; null where it is. */
  readonly reason: string | null;
}

/** A document that is no certificate, or contradicts itself. */
export class Invalid extends Error {
  override readonly name = "Invalid";
}

/** A document that this verifier does not know enough of to judge. */
export class Unsupported extends Error {
  override readonly name = "Unsupported";
}

/** Returns the check `name`: passed with `detail` where `look` returns, failed with the Invalid it throws. */
export function checked(name: string, detail: string, look: () => void): Check {
  try {
    look();
  } catch (error) {
    if (error instanceof Invalid) return { name, passed: false, detail: error.message };
    throw error;
  }
  return { name, passed: true, detail };
}

/** Returns the verdict that follows from the checks. */
export function verdictOf(
  checks: readonly Check[],
  meaning: "checked" | "not checked",
  unchecked: readonly string[],
): Verification {
  const failed = checks.find((check) => !check.passed);
  if (failed === undefined) return { status: "valid", valid: true, meaning, checks, unchecked, reason: null };
  const reason = `${failed.name}: ${failed.detail}`;
  return { status: "rejected", valid: false, meaning: "not checked", checks, unchecked, reason };
}

/** Returns the verdict on a document that could not be judged. */
export function unsupported(reason: string): Verification {
  return { status: "unsupported", valid: false, meaning: "not checked", checks: [], unchecked: [], reason };
}
