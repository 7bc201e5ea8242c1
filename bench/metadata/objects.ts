/** The objects of SoMeta's three patterns, and what is asked about them. As python/metadata.py. */

/** One name with different time steps, four names, a name each. */
export const PATTERNS = ['one', 'four', 'unique'] as const;
export type Pattern = (typeof PATTERNS)[number];

/** Eight attributes. A type, so that it passes as attributes of any API. */
export type Attributes = {
  readonly name: string;
  readonly time_step: number;
  readonly user: string;
  readonly app: string;
  /** 0 to 1, each value once. */
  readonly energy: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** 24 characters, another for each object. */
  readonly label: string;
  /** One of a hundred; it goes with one application. */
  readonly kind: string;
};

export interface Described {
  /** What no other object is called: user, application, name and time step in one. */
  readonly object: string;
  readonly attributes: Attributes;
}

/** Which objects: `count` of this pattern, and the space of their energies. */
export interface Population {
  readonly pattern: Pattern;
  readonly count: number;
}

const FOUR_NAMES = ['ex', 'ey', 'ez', 'rho'] as const;
const APPS = ['vpic', 'gcrm', 'vorpal', 'boss', 'e3sm'] as const;
const USERS = 50;
const KINDS = 100;
const STEPS_OF_UNIQUE = 1_000;
const CREATED_FIRST_MS = 1_767_225_600_000;
const CREATED_EACH_MS = 137;
/** Prime to the counts, which are powers of ten: every energy comes once. */
const ENERGY_STRIDE = 7_919;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
/** Both letters of ten bits. */
const PAIRS = Array.from(
  { length: 1_024 },
  (_, bits) => `${LETTERS[bits >> 5]}${LETTERS[bits & 31]}`,
);
const LABEL_SEEDS = [0x9e3779b9, 0x7f4a7c15, 0xf39cc060, 0x5cedc834] as const;

export function isPattern(text: string): text is Pattern {
  return PATTERNS.some((pattern) => pattern === text);
}

const padded = (value: number): string => (value < 10 ? `0${value}` : String(value));

function nameOf(pattern: Pattern, index: number): string {
  if (pattern === 'one') return 'particles';
  if (pattern === 'four') return FOUR_NAMES[index & 3] ?? '';
  return `cell-${index}`;
}

function timeStepOf(pattern: Pattern, index: number): number {
  if (pattern === 'one') return index;
  return pattern === 'four' ? index >> 2 : index % STEPS_OF_UNIQUE;
}

/** The `index`-th; those from `count` on have energies above 1, out of the way of questions. */
export function objectOf({ pattern, count }: Population, index: number): Described {
  const name = nameOf(pattern, index);
  const timeStep = timeStepOf(pattern, index);
  const user = `user${padded(index % USERS)}`;
  const app = APPS[index % APPS.length] ?? '';
  const attributes = {
    name,
    time_step: timeStep,
    user,
    app,
    energy: index < count ? energyAt(count, (index * ENERGY_STRIDE) % count) : 1 + index / count,
    created: CREATED_FIRST_MS + index * CREATED_EACH_MS,
    label: labelOf(index),
    kind: index < count ? kindOf(index % KINDS) : 'k-later',
  };
  return { object: `${app}/${user}/${name}/${timeStep}`, attributes };
}

function kindOf(kind: number): string {
  return `k${padded(kind)}`;
}

function energyAt(count: number, rank: number): number {
  return (rank + 0.5) / count;
}

/** The finaliser of MurmurHash3 (public domain): every number of 32 bits once. */
function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Four times thirty bits, in letters. */
function labelOf(index: number): string {
  let label = '';
  for (const seed of LABEL_SEEDS) {
    const bits = mixed(index ^ seed);
    label += `${PAIRS[bits & 1_023]}${PAIRS[(bits >>> 10) & 1_023]}${PAIRS[(bits >>> 20) & 1_023]}`;
  }
  return label;
}

/** What is asked: all of it holds. Keys are attributes or tags. */
export interface Question {
  readonly equal?: Readonly<Record<string, string | number>>;
  /** Both ends included. */
  readonly range?: { readonly key: string; readonly low: number; readonly high: number };
  readonly infix?: { readonly key: string; readonly text: string };
}

/** Finds one object, by all four keys that identify it. */
export function exactQuestion({ attributes }: Described): Question {
  const { name, time_step, user, app } = attributes;
  return { equal: { name, time_step, user, app } };
}

/** Finds a hundredth of the objects, by two keys. */
export function partialQuestion(turn: number): Question {
  const kind = (turn * 37) % KINDS;
  return { equal: { app: APPS[kind % APPS.length] ?? '', kind: kindOf(kind) } };
}

/** Finds a hundredth of the objects. */
export function rangeQuestion({ count }: Population, turn: number): Question {
  const tenth = count / KINDS;
  const first = ((turn * 37) % KINDS) * tenth;
  const high = energyAt(count, first + tenth - 1);
  return { range: { key: 'energy', low: energyAt(count, first), high } };
}

const INFIX_FIRST = 7;
const INFIX_END = 15;

/** Finds that object, by eight characters from the middle of its label. */
export function infixQuestion({ attributes }: Described): Question {
  return { infix: { key: 'label', text: attributes.label.slice(INFIX_FIRST, INFIX_END) } };
}
