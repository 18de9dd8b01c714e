/** Which set of edits a certificate speaks of: everything that lists it again, but for the texts themselves. */

import { asList, asObject, asString, requireFields, wholeNumber, type Json } from "../json/data.js";
import { requireDigest } from "../meaning/origin.js";
import { Invalid } from "../verdict.js";
import type { SizeOfSet } from "./evidence.js";

/** Name of the set's rules and of the method that certifies it. */
export const EDITS_V1 = "edits/v1";
/** The kinds of edits in version edits/v1, in the order they are listed. */
const KINDS = ["typo", "capitals", "spacing", "punctuation", "synonym"];

export interface EditSetIdentity {
  readonly version: string;
  readonly kinds: readonly string[];
  /** How many edits together, 1 or 2. */
  readonly atOnce: number;
  /** How many texts the client gave. */
  readonly variants: number;
  /** Digest of the synonym classes, null without the kind "synonym". */
  readonly partition: string | null;
  readonly digest: string;
}

export function readEditSet(value: Json | undefined): EditSetIdentity {
  const fields = asObject(value, "edit_set");
  requireFields(fields, "edit_set", ["version", "kinds", "at_once", "variants", "partition", "digest"]);
  const partition = fields["partition"];
  return {
    version: asString(fields["version"], "edit_set.version"),
    kinds: asList(fields["kinds"], "edit_set.kinds").map((kind) => asString(kind, "edit_set.kinds")),
    atOnce: wholeNumber(fields, "at_once", "edit_set.at_once"),
    variants: wholeNumber(fields, "variants", "edit_set.variants"),
    partition: partition === null ? null : asString(partition, "edit_set.partition"),
    digest: asString(fields["digest"], "edit_set.digest"),
  };
}

/** Throws Invalid for a version or kinds that nobody lists, and for counts that such a set cannot have. */
export function requireEditSet(stated: EditSetIdentity, { size, singles }: SizeOfSet): void {
  const { version, kinds, atOnce, variants, partition, digest } = stated;
  if (version !== EDITS_V1) throw setError(`version must be ${EDITS_V1}`);
  const ordered = KINDS.filter((kind) => kinds.includes(kind));
  if (kinds.length !== ordered.length || kinds.some((kind, k) => kind !== ordered[k])) {
    throw setError(`kinds must be some of [${KINDS}], in this order`);
  }
  if (atOnce !== 1 && atOnce !== 2) throw setError(`at_once must be 1 or 2, got ${atOnce}`);
  if (variants < 0) throw setError(`variants must be at least 0, got ${variants}`);
  if ((partition === null) === kinds.includes("synonym")) {
    throw setError("partition must be stated exactly where the kinds have synonym");
  }
  if (partition !== null) requireDigest("edit_set.partition", partition);
  requireDigest("edit_set.digest", digest);
  if (atOnce === 1 && singles !== size) throw setError("at_once is 1, and texts are more than one edit away");
  if (kinds.length === 0 && variants < size)
    throw setError("variants are fewer than the texts, and there are no kinds");
}

function setError(message: string): Invalid {
  return new Invalid(`edit_set.${message}`);
}
