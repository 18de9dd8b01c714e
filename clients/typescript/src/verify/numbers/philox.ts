/** The public random numbers that belong to a seed: Philox4x64-10 (Salmon et al. 2011), as numpy counts. */

const [M0, M1] = [0xd2e7470ee14c6c93n, 0xca5a826395121157n];
const [W0, W1] = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];
const WORD = (1n << 64n) - 1n;
const ROUNDS = 10;
const WORDS_OF_BLOCK = 4;
const DROPPED_BITS = 12n;

/** Number `place` of a seed's stream is a point of a grid of 2⁵², at each step another one; all of them independent. */
export class Points {
  private block = -1;
  private step = -1;
  private words: readonly bigint[] = [];
  private readonly key: readonly [bigint, bigint];

  /** seed: 32 hexadecimal digits. index: of the sample that the numbers belong to. */
  constructor(
    seed: string,
    private readonly stream: number,
    private readonly index = 0,
  ) {
    const value = BigInt(`0x${seed}`);
    this.key = [value & WORD, value >> 64n];
  }

  /** Returns a whole number in [0, 2⁵²). */
  at(place: number, step = 0): number {
    const block = Math.floor(place / WORDS_OF_BLOCK);
    if (block !== this.block || step !== this.step) {
      // numpy counts a block before it computes it, so the first one has the number 1.
      this.words = philox([BigInt(block + 1), BigInt(step), BigInt(this.index), BigInt(this.stream)], this.key);
      [this.block, this.step] = [block, step];
    }
    return Number((this.words[place % WORDS_OF_BLOCK] as bigint) >> DROPPED_BITS);
  }
}

type Four = readonly [bigint, bigint, bigint, bigint];

function philox(counter: Four, key: readonly [bigint, bigint]): Four {
  let [[c0, c1, c2, c3], [k0, k1]] = [counter, key];
  for (let round = 0; round < ROUNDS; round++) {
    const [one, other] = [M0 * c0, M1 * c2];
    [c0, c1, c2, c3] = [(other >> 64n) ^ c1 ^ k0, other & WORD, (one >> 64n) ^ c3 ^ k1, one & WORD];
    [k0, k1] = [(k0 + W0) & WORD, (k1 + W1) & WORD];
  }
  return [c0, c1, c2, c3];
}
