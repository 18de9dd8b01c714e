/** Numbers as bytes: what the evidence of certificates is written in. */

import { Invalid } from "../verdict.js";
import { shown, type Json } from "./data.js";

/** Returns the bytes of a base64 text. Throws Invalid for any other text; where `canonical`, for spare bits too. */
export function unpackedBytes(text: Json | undefined, where: string, canonical = true): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new Invalid(`${where} is not base64: ${shown(text)}`);
  }
  const binary = atob(text);
  // One evidence, one text: base64 has spare bits at its end that decoders ignore.
  if (canonical && btoa(binary) !== text) throw new Invalid(`${where} is not canonical base64`);
  return Uint8Array.from(binary, (sign) => sign.charCodeAt(0));
}

/** Returns little-endian numbers of so many bytes each. Throws Invalid for another length. */
export function unpackedNumbers(bytes: Uint8Array<ArrayBuffer>, size: 4 | 8, where: string): number[] {
  if (bytes.length % size !== 0) throw new Invalid(`${where} must hold ${size}-byte floats, got ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / size }, (_, k) =>
    size === 4 ? view.getFloat32(4 * k, true) : view.getFloat64(8 * k, true),
  );
}
