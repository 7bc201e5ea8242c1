import type { Work } from '../work.js';
import type { Program, ProgramState } from './program.js';

/** Steps of work, measured: a state or edge that is looked at, and a set that is made. */
const VISIT_STEPS = 8;
const SET_STEPS = 1_000;
/** So many visits are charged together. */
const CHARGED_VISITS = 8_192;

const KINDS: { readonly [K in ProgramState['kind']]: number } = {
  match: 0,
  bytes: 1,
  split: 2,
  start: 3,
  end: 4,
};

/** A set of the program's states that bytes read so far can have led to. */
interface SetState {
  /** Sorted; only those that read a byte or the end. */
  readonly states: Uint16Array;
  /** By the class of the next byte; those that were met so far. */
  readonly next: (SetState | undefined)[];
  /** Whether no byte can change the answer any more. */
  readonly ends: boolean;
  /** Whether a match has ended here already, or does when the text does. */
  readonly matchesAtEnd: boolean;
}

/** A program's states side by side: of each its kind, and where its edges begin. */
interface FlatProgram {
  readonly kinds: Uint8Array;
  readonly begins: Uint32Array;
  /** Of each edge, the bytes that it reads, if it does, and the state it leads to. */
  readonly lows: Uint8Array;
  readonly highs: Uint8Array;
  readonly targets: Uint16Array;
}

/**
 * A program made deterministic as texts need it. A byte of text costs one step when its set is
 * known, else at most as many as the program is large, so time is linear in the text whatever
 * pattern and text hold. When known sets take too much room no more are made: what is left of a
 * text then goes from state to state. They are forgotten when another request asks, so that what
 * it is charged depends on nothing that came before it.
 */
export class Automaton {
  readonly #program: FlatProgram;
  readonly #first: number;
  readonly #cellsMax: number;
  /** Bytes that no edge tells apart are one class. */
  readonly #classes: Uint8Array;
  readonly #classCount: number;
  /** By their hashes. */
  readonly #known = new Map<number, SetState[]>();
  #cells = 0;
  /** No more sets are made. */
  #isFull = false;
  #start: SetState | null = null;
  /** States that are reached: `#count` of them, and the round in which each was reached last. */
  #found: Uint16Array;
  #count = 0;
  /** Another array as large. */
  #before: Uint16Array;
  readonly #reached: Uint32Array;
  #round = 0;
  /** Those that a set keeps, which puts them in order. */
  readonly #bits: Uint32Array;
  /** For whom the known sets were made. */
  #work: Work | null = null;
  /** States and edges that were looked at, since that was charged last. */
  #visits = 0;

  constructor(program: Program) {
    const { states } = program;
    this.#program = flatten(states);
    this.#first = program.first;
    // Room for dozens of sets of a common pattern, and for a few of the largest.
    this.#cellsMax = 2_048 + 16 * program.size;
    this.#found = new Uint16Array(states.length);
    this.#before = new Uint16Array(states.length);
    this.#reached = new Uint32Array(states.length);
    this.#bits = new Uint32Array(Math.ceil(states.length / 32));
    this.#classes = classesOf(this.#program);
    this.#classCount = (this.#classes[255] as number) + 1;
  }

  matches(bytes: Uint8Array, start: number, end: number, work: Work | null): boolean {
    // Who asks without end learns anew what texts are like now.
    if (work !== this.#work || (work === null && this.#isFull)) {
      this.#forget();
      this.#work = work;
    }
    const classes = this.#classes;
    let set = this.#start ?? this.#begin();
    let at = start;
    for (; at < end && !set.ends; at++) {
      const byte = bytes[at] as number;
      const index = classes[byte] as number;
      const next = set.next[index];
      if (next === undefined && this.#isFull) {
        work?.charge(at - start);
        return this.#simulate(set.states, bytes.subarray(at, end));
      }
      set = next ?? this.#step(set, byte, index);
    }
    work?.charge(at - start);
    return set.matchesAtEnd;
  }

  #forget(): void {
    this.#known.clear();
    this.#start = null;
    this.#cells = 0;
    this.#isFull = false;
    this.#visits = 0;
  }

  #begin(): SetState {
    this.#beginRound();
    this.#add(this.#first);
    const set = this.#setOf(true);
    this.#start = set;
    return set;
  }

  #step(set: SetState, byte: number, index: number): SetState {
    this.#advance(set.states, set.states.length, byte);
    const next = this.#setOf(false);
    set.next[index] = next;
    return next;
  }

  /** Reaches what the first so many states lead to by a byte. */
  #advance(states: Uint16Array, size: number, byte: number): void {
    const { kinds, begins, lows, highs, targets } = this.#program;
    this.#beginRound();
    const reached = this.#reached;
    const found = this.#found;
    const round = this.#round;
    let count = 0;
    let visits = 0;
    for (let index = 0; index < size; index++) {
      const id = states[index] as number;
      if (kinds[id] !== KINDS.bytes) continue;
      const last = begins[id + 1] as number;
      for (let edge = begins[id] as number; edge < last; edge++) {
        visits++;
        if (byte < (lows[edge] as number) || byte > (highs[edge] as number)) continue;
        const target = targets[edge] as number;
        if (reached[target] === round) continue;
        reached[target] = round;
        found[count++] = target;
      }
    }
    this.#count = count;
    this.#visits += visits;
  }

  /** Whether what follows states matches, without sets. */
  #simulate(states: Uint16Array, bytes: Uint8Array): boolean {
    this.#found.set(states);
    this.#count = states.length;
    for (const byte of bytes) {
      const before = this.#found;
      this.#found = this.#before;
      this.#before = before;
      this.#advance(before, this.#count, byte);
      this.#close(false, false);
      if (this.#visits >= CHARGED_VISITS) this.#charge(0);
      if (this.#count === 0 || this.#reached[0] === this.#round) break;
    }
    this.#close(false, true);
    this.#charge(0);
    return this.#reached[0] === this.#round;
  }

  /** The set that those reached lead to without reading a byte. */
  #setOf(atStart: boolean): SetState {
    this.#close(atStart, false);
    const matches = this.#reached[0] === this.#round;
    const states = this.#kept();
    const hash = hashOf(states, matches);
    // The start is kept apart: what may follow it differs.
    const alike = atStart ? [] : (this.#known.get(hash) ?? []);
    const known = alike.find((set) => isSame(set.states, states) && isMatch(set) === matches);
    if (known === undefined) return this.#make(states, { matches, atStart, hash });
    this.#charge(SET_STEPS);
    return known;
  }

  #make(
    states: Uint16Array,
    { matches, atStart, hash }: { matches: boolean; atStart: boolean; hash: number },
  ): SetState {
    const matchesAtEnd = matches || this.#matchesAtEnd(states, atStart);
    this.#charge(SET_STEPS);
    const next = new Array<undefined>(this.#classCount).fill(undefined);
    const ends = matches || states.length === 0;
    const set: SetState = { states, next, ends, matchesAtEnd };
    if (!atStart) this.#keep(hash, set);
    return set;
  }

  #matchesAtEnd(states: Uint16Array, atStart: boolean): boolean {
    this.#beginRound();
    for (const id of states) this.#add(id);
    this.#close(atStart, true);
    return this.#reached[0] === this.#round;
  }

  #charge(steps: number): void {
    this.#work?.charge(steps + this.#visits * VISIT_STEPS);
    this.#visits = 0;
  }

  #keep(hash: number, set: SetState): void {
    this.#cells += set.states.length + this.#classCount;
    if (this.#cells > this.#cellsMax) this.#isFull = true;
    const alike = this.#known.get(hash);
    if (alike === undefined) this.#known.set(hash, [set]);
    else alike.push(set);
  }

  #beginRound(): void {
    this.#count = 0;
    // Rounds begin anew long before they could run over: a wrong mark would lose a match.
    if (++this.#round < 0xffff_ffff) return;
    this.#reached.fill(0);
    this.#round = 1;
  }

  #add(id: number): void {
    if (this.#reached[id] === this.#round) return;
    this.#reached[id] = this.#round;
    this.#found[this.#count++] = id;
  }

  /** Adds every state that is reached from those without reading a byte. */
  #close(atStart: boolean, atEnd: boolean): void {
    const { kinds, begins, targets } = this.#program;
    const found = this.#found;
    const reached = this.#reached;
    const round = this.#round;
    let count = this.#count;
    let visits = 0;
    for (let index = 0; index < count; index++) {
      const id = found[index] as number;
      const kind = kinds[id] as number;
      visits++;
      if (kind === KINDS.bytes) continue;
      const passes =
        kind === KINDS.split || (kind === KINDS.start && atStart) || (kind === KINDS.end && atEnd);
      if (!passes) continue;
      const last = begins[id + 1] as number;
      visits += last - (begins[id] as number);
      for (let edge = begins[id] as number; edge < last; edge++) {
        const target = targets[edge] as number;
        if (reached[target] === round) continue;
        reached[target] = round;
        found[count++] = target;
      }
    }
    this.#count = count;
    this.#visits += visits;
  }

  /** Those that were reached and read a byte or the end, in ascending order. */
  #kept(): Uint16Array {
    const { kinds } = this.#program;
    const bits = this.#bits;
    let count = 0;
    for (let index = 0; index < this.#count; index++) {
      const id = this.#found[index] as number;
      if (kinds[id] !== KINDS.bytes && kinds[id] !== KINDS.end) continue;
      bits[id >>> 5] = (bits[id >>> 5] as number) | (1 << id);
      count++;
    }
    const states = new Uint16Array(count);
    let at = 0;
    for (let word = 0; word < bits.length; word++) {
      let left = bits[word] as number;
      for (; left !== 0; left &= left - 1) states[at++] = word * 32 + 31 - Math.clz32(left & -left);
      bits[word] = 0;
    }
    this.#visits += bits.length / 8;
    return states;
  }
}

/** Whether a match has ended in a set: no byte changes that. */
function isMatch({ ends, matchesAtEnd }: SetState): boolean {
  return ends && matchesAtEnd;
}

function flatten(states: readonly ProgramState[]): FlatProgram {
  const begins: number[] = [];
  const lows: number[] = [];
  const highs: number[] = [];
  const targets: number[] = [];
  for (const state of states) {
    begins.push(targets.length);
    if (state.kind === 'split') for (const target of state.targets) targets.push(target);
    else if (state.kind === 'start' || state.kind === 'end') targets.push(state.target);
    else if (state.kind === 'bytes') {
      const { edges } = state;
      for (let index = 0; index < edges.length; index += 3) {
        lows[targets.length] = edges[index] as number;
        highs[targets.length] = edges[index + 1] as number;
        targets.push(edges[index + 2] as number);
      }
    }
  }
  begins.push(targets.length);
  return {
    kinds: Uint8Array.from(states, ({ kind }) => KINDS[kind]),
    begins: Uint32Array.from(begins),
    lows: Uint8Array.from(targets, (_, edge) => lows[edge] ?? 0),
    highs: Uint8Array.from(targets, (_, edge) => highs[edge] ?? 0),
    targets: Uint16Array.from(targets),
  };
}

/** The class of each byte, in ascending order. */
function classesOf({ kinds, begins, lows, highs }: FlatProgram): Uint8Array {
  const isFirst = new Uint8Array(257);
  for (const [id, kind] of kinds.entries()) {
    if (kind !== KINDS.bytes) continue;
    for (let edge = begins[id] as number; edge < (begins[id + 1] as number); edge++) {
      isFirst[lows[edge] as number] = 1;
      isFirst[(highs[edge] as number) + 1] = 1;
    }
  }
  let last = 0;
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    if (byte > 0) last += isFirst[byte] as number;
    return last;
  });
}

/** FNV-1a, of states instead of bytes. */
function hashOf(states: Uint16Array, matches: boolean): number {
  let hash = matches ? 0x811c_9dc5 : 0x811c_9dc4;
  for (const id of states) hash = Math.imul(hash ^ id, 0x0100_0193);
  return hash | 0;
}

function isSame(one: Uint16Array, other: Uint16Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
