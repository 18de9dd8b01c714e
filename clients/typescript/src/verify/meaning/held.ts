/** Words for what is held fixed of any prompt that a language model reads, and for a chat template without tokens. */

export const MASK = "attention mask and positions";
export const TEMPLATE = /^chat template \(([1-9][0-9]{0,9}) tokens\)$/;
/** The sha256 of {"after":[],"before":[]}: a chat template that puts no token around the prompt. */
export const EMPTY_TEMPLATE = "sha256:40e6cf1f6a4360cf3bc45d9519221c24161d226523c2fb606af98828378ea211";
