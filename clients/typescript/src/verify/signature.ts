/** Checks a signature of a certificate: who made it, and whether it is of this certificate, output and tenant. */

import { compactVerify, decodeProtectedHeader, errors, importJWK } from "jose";

import { canonical, sha256 } from "./json/canonical.js";
import {
  asList,
  asObject,
  asString,
  field,
  has,
  isObject,
  requireFields,
  wholeNumber,
  type Json,
  type JsonObject,
} from "./json/data.js";
import { parseJson } from "./json/parse.js";
import { Invalid, Unsupported, unsupported, verdictOf, type Check, type Verification } from "./verdict.js";
import { certificateIn, dataOf } from "./verify.js";

const ALGORITHM = "Ed25519";
const TYPE = "smoothgen-signature+jws";
const SCHEMA = "smoothgen/signature/v1";
const LONGEST = 16_384;

/** What a signature is held to beside its certificate; what is left out may be anything. */
export interface Expected {
  readonly issuer?: string | undefined;
  readonly tenant?: string | undefined;
  /** The exact bytes of the output that must be the signed one. */
  readonly output?: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * Checks a signature (a compact JWS) of a certificate against a JWK Set, such as a server's /.well-known/jwks.json. Opens
 * no connection. Ed25519 alone is accepted, and nothing that the signature itself says of a key but its id.
 *
 * Whether the certificate's numbers follow from its evidence is not looked at: `verify` does that. The verdict is that on
 * the signature, with a check for everything it covers. Never throws for what certificate, signature or keys say.
 */
export async function verifySignature(
  signature: string,
  certificate: unknown,
  keys: unknown,
  expected: Expected = {},
): Promise<Verification> {
  try {
    const document = certificateIn(dataOf(certificate));
    const facts = await authentic(signature.trim(), asObject(dataOf(keys), "the key set"));
    return verdictOf(await checksOf(facts, document, expected), "checked", []);
  } catch (error) {
    if (error instanceof Invalid) {
      return verdictOf([{ name: "signature", passed: false, detail: error.message }], "not checked", []);
    }
    if (error instanceof Unsupported) return unsupported(error.message);
    throw error;
  }
}

/** Returns what a signature by a key of the set says. Throws Invalid. */
async function authentic(signature: string, keys: JsonObject): Promise<JsonObject> {
  if (signature.length > LONGEST || !/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(signature)) {
    throw new Invalid("the signature is no compact JWS (three parts with dots between them); is it cut short?");
  }
  const header = headerOf(signature);
  const { alg, kid, typ, ...others } = header;
  if (alg !== ALGORITHM)
    throw new Invalid(`the signature is by algorithm ${String(alg)}; only ${ALGORITHM} is accepted`);
  if (typ !== TYPE) throw new Invalid(`the JWS is of type ${String(typ)}, and a certificate's signature of ${TYPE}`);
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw new Invalid(`the signature's header has [${unknown}], which is refused`);
  const x = publicKey(keys, kid);
  try {
    const key = await importJWK({ kty: "OKP", crv: ALGORITHM, x }, ALGORITHM);
    const { payload } = await compactVerify(signature, key, { algorithms: [ALGORITHM] });
    return factsOf(parseJson(new TextDecoder("utf-8", { fatal: true }).decode(payload)));
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) {
      throw new Invalid(`the signature is not by key ${String(kid)}: it, or what it covers, was changed`);
    }
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException) {
      throw new Invalid(`the signature or its key cannot be read: ${error.message}`);
    }
    throw error;
  }
}

function headerOf(signature: string): Readonly<Record<string, unknown>> {
  try {
    return { ...decodeProtectedHeader(signature) };
  } catch (error) {
    if (error instanceof TypeError) throw new Invalid("the signature's header is no JSON in base64; is it cut short?");
    throw error;
  }
}

/** Returns the public half of the Ed25519 key of this id. Throws Invalid where there is none, or more than one. */
function publicKey(keys: JsonObject, kid: unknown): string {
  const found = asList(field(keys, "keys"), "keys of the key set").filter(
    (key): key is JsonObject =>
      isObject(key) && field(key, "kty") === "OKP" && field(key, "crv") === ALGORITHM && field(key, "kid") === kid,
  );
  const [key, another] = found;
  if (typeof kid !== "string" || key === undefined) {
    throw new Invalid(`the signature is by key ${String(kid)}, which is not among the keys given`);
  }
  if (another !== undefined) throw new Invalid(`the key set has two keys of id ${kid}`);
  return asString(field(key, "x"), "x of the key");
}

/** Returns the facts that a payload states. Throws Invalid for another schema, and for missing or unknown fields. */
function factsOf(payload: Json): JsonObject {
  const facts = asObject(payload, "the signed payload");
  if (field(facts, "schema") !== SCHEMA) throw new Invalid(`the signed payload is not of schema ${SCHEMA}`);
  const required = ["schema", "iss", "iat", "tenant", "job", "model", "output", "certificate"];
  requireFields(facts, "the signed payload", required, ["erased_from"]);
  for (const name of ["iss", "tenant", "job"]) asString(facts[name], name);
  wholeNumber(facts, "iat", "iat");
  requireTexts(facts["model"], "model", ["name", "revision", "digest"]);
  requireTexts(facts["output"], "output", ["digest"]);
  requireTexts(facts["certificate"], "certificate", ["digest", "sha256"]);
  if (has(facts, "erased_from")) requireTexts(facts["erased_from"], "erased_from", ["digest", "sha256"]);
  return facts;
}

function requireTexts(value: Json | undefined, where: string, names: readonly string[]): void {
  const fields = asObject(value, where);
  requireFields(fields, where, names);
  for (const name of names) asString(fields[name], `${where}.${name}`);
}

async function checksOf(facts: JsonObject, document: JsonObject, expected: Expected): Promise<Check[]> {
  const checks = [
    { name: "signature", passed: true, detail: `by a key given, of issuer ${String(facts["iss"])}` },
    same("certificate", inside(facts, "certificate", "digest"), field(document, "digest")),
    same("sha256", inside(facts, "certificate", "sha256"), await sha256(new TextEncoder().encode(canonical(document)))),
    same("job", facts["job"], field(document, "id")),
    same("model", inside(facts, "model", "digest"), inside(document, "model", "digest")),
    same("output", inside(facts, "output", "digest"), inside(document, "output", "digest")),
  ];
  if (expected.output !== undefined) {
    checks.push(same("output given", inside(facts, "output", "digest"), await sha256(expected.output)));
  }
  if (expected.tenant !== undefined) checks.push(same("tenant", facts["tenant"], expected.tenant));
  if (expected.issuer !== undefined) checks.push(same("issuer", facts["iss"], expected.issuer));
  return checks;
}

function inside(object: JsonObject, section: string, name: string): Json | undefined {
  const fields = field(object, section);
  return isObject(fields) ? field(fields, name) : undefined;
}

function same(name: string, signed: Json | undefined, given: Json | undefined): Check {
  const passed = typeof signed === "string" && signed === given;
  const detail = passed ? `signed is ${signed}` : `signed is ${String(signed)}, and not ${String(given)}`;
  return { name, passed, detail: detail.slice(0, 300) };
}
