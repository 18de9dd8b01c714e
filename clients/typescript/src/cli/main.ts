#!/usr/bin/env node
/** The command line: `smoothgen-verify FILE`. */

import { readFile } from "node:fs/promises";

import { verify } from "../verify/index.js";

const verdict = await verify(new Uint8Array(await readFile(process.argv[2] ?? "")));
process.stdout.write(`${JSON.stringify(verdict)}\n`);
