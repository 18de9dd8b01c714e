/** Reads certificates from standard input, one JSON text a line, and writes a verdict a line. For the tests in Python. */

import { createInterface } from "node:readline";

import { verify } from "../../src/verify/index.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { status, meaning, reason, unchecked } = await verify(line);
  process.stdout.write(`${JSON.stringify({ status, meaning, reason, unchecked })}\n`);
}
