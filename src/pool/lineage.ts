import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import type { Lineage } from '../protocol/index.js';
import { LineageGraph, type Spot } from './lineage-graph.js';
import { Relations } from './relations.js';
import { Remembered } from './remembered.js';
import { Room } from './room.js';
import type { PoolState } from './state.js';

const DEPTH_DEFAULT = 16;
/**
 * What an answer holds and reads together: its rows, lists of names, what is remembered. A byte of
 * any takes some 40 ns, so this bounds the pause to some 30 ms.
 */
const WORK_BYTES_MAX = 768 << 10;

/**
 * LINEAGE: what an object was made of and what was made of it, as a graph. What is certain comes
 * first, step by step in both directions; then, as far as there is room, what those that made it
 * had used before, of which nothing more is followed.
 */
export function lineage(pool: PoolState, message: Lineage): Value {
  const name = decodeUtf8(pool.reader.bytes, message.nameStart, message.nameEnd);
  const walk = new Walk(pool);
  const root = walk.graph.spotOfName(name);
  const isKnown = root !== null && (root.object !== 0 || root.entity !== 0);
  if (!isKnown) {
    refuse('unknown-object', `Cannot find "${name}": the pool has no such object`, { name });
  }
  const depth = message.depth === 0 ? DEPTH_DEFAULT : message.depth;
  const up = new Side(root, (spot) => walk.sourcesOf(spot));
  const down = new Side(root, (spot) => walk.madeOf(spot));
  const levels = Math.min(depth, LIMITS.lineageNodesMax);
  for (let level = 0; level < levels && !(up.isDone && down.isDone); level++) {
    up.step();
    down.step();
  }
  const isDeeper =
    up.last.some((spot) => walk.hasSources(spot)) || down.last.some((spot) => walk.hasMade(spot));
  walk.addProviders(new Set([...up.seen, ...down.seen]));
  walk.addUsesBefore(up.left);
  walk.addReaders(down.left);
  const { nodes, activities, edges } = walk.graph;
  const { isCut, hasForgotten } = walk;
  return {
    name,
    nodes,
    activities,
    edges,
    truncated: isCut,
    deeper: isDeeper,
    forgotten: hasForgotten,
  };
}

/** One direction: each step goes to the neighbours of those that the last one came to. */
class Side {
  readonly seen: Set<Spot>;
  last: readonly Spot[];
  readonly #neighbours: (spot: Spot) => readonly Spot[];

  constructor(root: Spot, neighbours: (spot: Spot) => readonly Spot[]) {
    this.seen = new Set([root]);
    this.last = [root];
    this.#neighbours = neighbours;
  }

  /** Those that were gone on from. */
  get left(): readonly Spot[] {
    const last = new Set(this.last);
    return [...this.seen].filter((spot) => !last.has(spot));
  }

  get isDone(): boolean {
    return this.last.length === 0;
  }

  step(): void {
    const next: Spot[] = [];
    for (const spot of this.last) {
      for (const other of this.#neighbours(spot)) {
        if (this.seen.has(other)) continue;
        this.seen.add(other);
        next.push(other);
      }
    }
    this.last = next;
  }
}

/** Finds neighbours, and notes in the graph how they hang together. */
class Walk {
  readonly graph: LineageGraph;
  readonly #remembered: Remembered;
  readonly #relations: Relations;
  readonly #room = new Room(WORK_BYTES_MAX);

  constructor(pool: PoolState) {
    this.graph = new LineageGraph(pool, this.#room);
    this.#remembered = new Remembered(pool.provenance, this.#room);
    this.#relations = new Relations(pool, this.#room);
  }

  get isCut(): boolean {
    return this.graph.isCut || this.#relations.isCut || this.#room.isFull;
  }

  get hasForgotten(): boolean {
    return this.graph.hasForgotten || this.#remembered.hasForgotten;
  }

  /** What a version was derived from, and what its object says to be related to. */
  sourcesOf(spot: Spot): Spot[] {
    const found: Spot[] = [];
    if (spot.entity !== 0) {
      for (const use of this.#remembered.runOf(spot.entity)) {
        const source = this.#spotUsedBy(use);
        // Who has read one part of a version may offer another one.
        if (source === null || source === spot) continue;
        this.graph.derived(spot, source);
        found.push(source);
      }
    }
    if (spot.object === 0) return found;
    for (const { relation, name } of this.#relations.of(spot.object)) {
      const other = this.graph.spotOfName(name);
      if (other === null) continue;
      this.graph.declared(relation, spot, other);
      found.push(other);
    }
    return found;
  }

  /** What was derived from a version, and which objects say to be related to it. */
  madeOf(spot: Spot): Spot[] {
    const found: Spot[] = [];
    if (spot.entity !== 0) {
      for (const use of this.#remembered.usesOf(spot.entity)) {
        for (const entity of this.#remembered.madeOf(use)) {
          const made = this.graph.spotOfEntity(entity);
          if (made === null || made === spot) continue;
          this.graph.derived(made, spot);
          found.push(made);
        }
      }
    }
    for (const { relation, object } of this.#declaredByOf(spot)) {
      const other = this.graph.spotOfObject(object);
      if (other === null) continue;
      this.graph.declared(relation, other, spot);
      found.push(other);
    }
    return found;
  }

  hasSources(spot: Spot): boolean {
    if (spot.entity !== 0) for (const _ of this.#remembered.runOf(spot.entity)) return true;
    if (spot.object !== 0) for (const _ of this.#relations.of(spot.object)) return true;
    return false;
  }

  hasMade(spot: Spot): boolean {
    if (spot.entity !== 0) {
      for (const use of this.#remembered.usesOf(spot.entity)) {
        for (const _ of this.#remembered.madeOf(use)) return true;
      }
    }
    for (const _ of this.#declaredByOf(spot)) return true;
    return false;
  }

  /** Who else offered parts of these. */
  addProviders(spots: Iterable<Spot>): void {
    for (const spot of spots) {
      if (spot.entity === 0) continue;
      for (const part of this.#remembered.partsOf(spot.entity)) {
        if (!this.graph.provided(spot, part)) return;
      }
    }
  }

  /** What those who offered these had used until they did, of each stay once. */
  addUsesBefore(spots: Iterable<Spot>): void {
    const ends = new Map<number, number>();
    const upTo = (activity: number, useEnd: number): void => {
      if (useEnd > (ends.get(activity) ?? 0)) ends.set(activity, useEnd);
    };
    for (const { activity, useEnd, entity } of spots) {
      upTo(activity, useEnd);
      if (entity === 0) continue;
      for (const part of this.#remembered.partsOf(entity)) {
        const { activity: other, useEnd: end } = this.graph.partAt(part);
        upTo(other, end);
      }
    }
    for (const end of ends.values()) {
      for (const use of this.#remembered.usesUpTo(end)) {
        if (this.graph.isCut) return;
        const source = this.#spotUsedBy(use);
        if (source !== null) this.graph.used(use, source);
      }
    }
  }

  /** Who used these, and what they made after that. */
  addReaders(spots: Iterable<Spot>): void {
    for (const spot of spots) {
      if (spot.entity === 0) continue;
      for (const use of this.#remembered.usesOf(spot.entity)) {
        if (this.graph.isCut) return;
        this.graph.used(use, spot);
        for (const entity of this.#remembered.madeAfter(use)) {
          if (this.graph.spotOfEntity(entity) === null) return;
        }
      }
    }
  }

  /** A version that is not the object's last one is not what others speak of by its name. */
  #declaredByOf(spot: Spot): ReturnType<Relations['to']> | [] {
    return this.graph.isNewest(spot) ? this.#relations.to(spot.name) : [];
  }

  #spotUsedBy(use: number): Spot | null {
    const entity = this.#remembered.usedBy(use);
    return entity === 0 ? null : this.graph.spotOfEntity(entity);
  }
}
