/** Texts that show nothing. */

/** Returns whether a text is empty or of nothing but white space, in Unicode's reading or in that of JavaScript. */
export function isBlank(text: string): boolean {
  return /^[\s\u001c-\u001f\u0085]*$/.test(text);
}
