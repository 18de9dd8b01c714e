#!/usr/bin/env node
/** The command line: `smoothgen-verify FILE`. Exit code 0 valid, 1 rejected, 2 used wrongly, 3 unsupported. */

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { verify, verifySignature, type Verification } from "../verify/index.js";
import { field, isObject } from "../verify/json/data.js";
import { dataOf } from "../verify/verify.js";

const USAGE = `usage: smoothgen-verify FILE [--jwks FILE] [--signature FILE] [--tenant NAME] [--issuer NAME]
                        [--output FILE] [--json]

Recomputes a SmoothGen certificate from the evidence it carries. Asks no server.

FILE         a certificate, or a saved answer of POST /generate, as JSON
--jwks       a JWK Set; the certificate's signature is checked too, by its Ed25519 keys
--signature  the signature's file; without it, the one in FILE, or FILE with the suffix .jws
--tenant, --issuer, --output
             what the signature must name, and the output that it must be of
--json       print the verdict as JSON

Exit code: 0 valid, 1 rejected, 2 used wrongly or a file cannot be read, 3 unsupported.`;

const EXIT_CODES = { valid: 0, rejected: 1, unsupported: 3 } as const;
const USED_WRONGLY = 2;

/** A sentence for whoever used the command wrongly. */
class Misuse extends Error {}

interface Options {
  readonly jwks?: string | undefined;
  readonly signature?: string | undefined;
  readonly tenant?: string | undefined;
  readonly issuer?: string | undefined;
  readonly output?: string | undefined;
}

async function main(): Promise<number> {
  const { values, positionals } = argumentsGiven();
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const [file, ...others] = positionals;
  if (file === undefined || others.length > 0) throw new Misuse("give one FILE; --help lists the options");
  const content = await read(file);
  let verdict = await verify(content);
  if (values.jwks !== undefined) verdict = together(verdict, await signatureOf(file, content, values));
  else if ([values.signature, values.tenant, values.issuer, values.output].some((value) => value !== undefined)) {
    throw new Misuse("--signature, --tenant, --issuer and --output are about a signature; give its keys by --jwks");
  }
  process.stdout.write(`${values.json ? JSON.stringify(verdict, null, 2) : inWords(file, verdict)}\n`);
  return EXIT_CODES[verdict.status];
}

function argumentsGiven() {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { jwks: text, signature: text, tenant: text, issuer: text, output: text, json: flag, help: flag };
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    if (error instanceof TypeError) throw new Misuse(error.message);
    throw error;
  }
}

async function signatureOf(file: string, content: Uint8Array<ArrayBuffer>, given: Options): Promise<Verification> {
  const signature =
    given.signature === undefined ? await signatureBeside(file, content) : await readText(given.signature);
  const output = given.output === undefined ? undefined : await read(given.output);
  const keys = await read(given.jwks as string);
  return verifySignature(signature, content, keys, { issuer: given.issuer, tenant: given.tenant, output });
}

/** Returns the signature in a saved answer, or that of the file beside a certificate. */
async function signatureBeside(file: string, content: Uint8Array<ArrayBuffer>): Promise<string> {
  try {
    const data = dataOf(content);
    const inside = isObject(data) ? field(data, "signature") : undefined;
    if (typeof inside === "string") return inside;
  } catch {
    // What is no JSON has no signature inside; the verdict on the file says what is wrong with it.
  }
  return readText(file.replace(/\.[^./\\]*$/, "") + ".jws");
}

/** Returns the verdict on a certificate with that on its signature: the worse of the two, and the checks of both. */
function together(certificate: Verification, signature: Verification): Verification {
  const checks = [
    ...certificate.checks,
    ...signature.checks.map((check) => ({ ...check, name: `signed ${check.name}` })),
  ];
  const worse = certificate.valid ? signature : certificate;
  const { status, valid, reason } = worse;
  return {
    ...certificate,
    status,
    valid,
    reason: reason === null || worse === certificate ? reason : `signed ${reason}`,
    checks,
  };
}

function inWords(file: string, { status, reason, checks, meaning, unchecked }: Verification): string {
  const listed = checks.map(({ name, passed, detail }) => `  ${passed ? "passed" : "FAILED"}  ${name}: ${detail}`);
  const end = status === "valid" ? `meaning ${meaning}; not checked here: ${unchecked.join(", ")}` : reason;
  return [`${file}: ${status}`, ...listed, `  ${end}`].join("\n");
}

async function read(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw new Misuse(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readText(file: string): Promise<string> {
  return new TextDecoder().decode(await read(file));
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Misuse)) throw error;
  process.stderr.write(`smoothgen-verify: ${error.message}\n`);
  process.exitCode = USED_WRONGLY;
}
