/** Numbers below `end`, the same for the same seed (mulberry32, public domain). */
export type Dice = (end: number) => number;

export function random(seed: number): Dice {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return (end) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * end);
  };
}

/** Dice that decide one thing each: what else happens does not depend on them. */
export function ownDice(seed: number): {
  /** How long turns of a manager take. */
  readonly slowness: Dice;
  /** When the agent has measured, or moved. */
  readonly pace: Dice;
  /** Whether agents lag behind one another, and how much. */
  readonly lag: Dice;
  /** What data connections do. */
  readonly data: Dice;
  /** What is done with open objects. */
  readonly opening: Dice;
  /** What is done with arrays that grow. */
  readonly growing: Dice;
  /** What is defined, and gathered in lists. */
  readonly defining: Dice;
  /** What is done with events. */
  readonly conducting: Dice;
  /** What is required as it comes, and offered step by step. */
  readonly stepping: Dice;
  /** Who meets where. */
  readonly meeting: Dice;
  /** What is offered in groups, and when it is ready. */
  readonly grouping: Dice;
  /** What is offered when it is stored. */
  readonly storing: Dice;
  /** When a store has done what it was asked for, and what it loses. */
  readonly store: Dice;
} {
  return {
    slowness: random(~seed),
    pace: random(~seed ^ 0x5eed),
    lag: random(seed ^ 0x6a09_e667),
    data: random(seed ^ 0x3c6e_f372),
    opening: random(seed ^ 0x2f6e_2b1d),
    growing: random(seed ^ 0x1c0f_fee5),
    defining: random(seed ^ 0x510e_527f),
    conducting: random(seed ^ 0x1f83_d9ab),
    stepping: random(seed ^ 0x5be0_cd19),
    grouping: random(seed ^ 0x5b9c_ca4f),
    meeting: random(seed ^ 0xaa79_dd8a),
    storing: random(seed ^ 0x428a_2f98),
    store: random(seed ^ 0x7137_4491),
  };
}
