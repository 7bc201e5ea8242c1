import type { Program, ProgramState } from './program.js';

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

/**
 * A program made deterministic as texts need it. A byte of text costs one step when its set is
 * known, else at most as many as the program is large, so time is linear in the text whatever
 * pattern and text hold. Known sets are forgotten all at once when they take too much room.
 */
export class Automaton {
  readonly #states: readonly ProgramState[];
  readonly #first: number;
  readonly #cellsMax: number;
  /** Bytes that no edge tells apart are one class. */
  readonly #classes = new Uint8Array(256);
  readonly #classCount: number;
  readonly #known = new Map<string, SetState>();
  #cells = 0;
  #start: SetState | null = null;
  /** The round in which a state was reached last, instead of a set that is emptied. */
  readonly #reached: Uint32Array;
  #round = 0;

  constructor(program: Program) {
    this.#states = program.states;
    this.#first = program.first;
    // Room for dozens of sets of a common pattern, and for a few of the largest.
    this.#cellsMax = 2_048 + 16 * program.size;
    this.#reached = new Uint32Array(program.states.length);
    const begins = new Uint8Array(257);
    for (const state of program.states) {
      if (state.kind !== 'bytes') continue;
      for (let index = 0; index < state.edges.length; index += 3) {
        begins[state.edges[index] as number] = 1;
        begins[(state.edges[index + 1] as number) + 1] = 1;
      }
    }
    begins[0] = 0;
    let last = 0;
    for (let byte = 0; byte < 256; byte++) {
      last += begins[byte] as number;
      this.#classes[byte] = last;
    }
    this.#classCount = last + 1;
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    this.#start ??= this.#setOf([this.#first], true);
    const classes = this.#classes;
    let set = this.#start;
    for (let at = start; at < end && !set.ends; at++) {
      const byte = bytes[at] as number;
      const index = classes[byte] as number;
      set = set.next[index] ?? this.#step(set, byte, index);
    }
    return set.matchesAtEnd;
  }

  #step(set: SetState, byte: number, index: number): SetState {
    const targets: number[] = [];
    for (const id of set.states) {
      const state = this.#states[id] as ProgramState;
      if (state.kind !== 'bytes') continue;
      const edges = state.edges;
      for (let edge = 0; edge < edges.length; edge += 3) {
        if (byte < (edges[edge] as number) || byte > (edges[edge + 1] as number)) continue;
        targets.push(edges[edge + 2] as number);
      }
    }
    const next = this.#setOf(targets, false);
    set.next[index] = next;
    return next;
  }

  /** The set that `from` leads to without reading a byte. */
  #setOf(from: readonly number[], atStart: boolean): SetState {
    const reached = this.#reach(from, atStart, false);
    const kept = reached.filter((id) => {
      const { kind } = this.#states[id] as ProgramState;
      return kind === 'bytes' || kind === 'end';
    });
    const matches = reached.includes(0);
    const states = Uint16Array.from(kept).sort();
    // The start is kept apart: what may follow it differs.
    const name = `${matches ? '+' : '-'}${String.fromCharCode(...states)}`;
    const known = atStart ? undefined : this.#known.get(name);
    if (known !== undefined) return known;
    const matchesAtEnd = matches || this.#reach(kept, atStart, true).includes(0);
    const next = new Array<undefined>(this.#classCount).fill(undefined);
    const ends = matches || states.length === 0;
    const set: SetState = { states, next, ends, matchesAtEnd };
    if (!atStart) this.#keep(name, set);
    return set;
  }

  #keep(name: string, set: SetState): void {
    this.#cells += set.states.length + this.#classCount;
    if (this.#cells > this.#cellsMax) {
      this.#known.clear();
      this.#start = null;
      this.#cells = set.states.length + this.#classCount;
    }
    this.#known.set(name, set);
  }

  /** Every state that is reached without reading a byte. */
  #reach(from: readonly number[], atStart: boolean, atEnd: boolean): number[] {
    // Rounds begin anew long before they could run over: a wrong mark would lose a match.
    if (++this.#round === 0xffff_ffff) {
      this.#reached.fill(0);
      this.#round = 1;
    }
    const found: number[] = [];
    const add = (id: number): void => {
      if (this.#reached[id] === this.#round) return;
      this.#reached[id] = this.#round;
      found.push(id);
    };
    for (const id of from) add(id);
    for (let index = 0; index < found.length; index++) {
      const state = this.#states[found[index] as number] as ProgramState;
      if (state.kind === 'split') for (const target of state.targets) add(target);
      else if (state.kind === 'start' && atStart) add(state.target);
      else if (state.kind === 'end' && atEnd) add(state.target);
    }
    return found;
  }
}
