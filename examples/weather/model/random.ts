/**
 * Random numbers that are the same on every machine for the same words.
 *
 * Generator: sfc32 (Doty-Humphrey, PractRand), 128 bits of state, integer arithmetic only.
 */
export interface Random {
  /** Evenly distributed in 0 (included) to 1 (left out). */
  uniform(): number;
  /** Mean 0, standard deviation 1: sum of 12 uniform numbers less 6, so no library function. */
  normal(): number;
}

/** A generator of its own for each list of integers (a seed, a member, a level ...). */
export function createRandom(...words: readonly number[]): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (const word of words) {
    a ^= word | 0;
    b ^= Math.trunc(word / 2 ** 32) | 0;
    // sfc32 needs about a dozen rounds to spread a change of one bit over its whole state.
    for (let round = 0; round < 16; round++) next();
  }
  const uniform = (): number => next() / 2 ** 32;
  const normal = (): number => {
    let sum = -6;
    for (let index = 0; index < 12; index++) sum += uniform();
    return sum;
  };
  return { uniform, normal };
}
