import { DEPENDS_ON } from './event-state.js';
import type { MObject, MVersion } from './oracle-state.js';
import { isGrowing, placesOf } from './selected.js';

interface GroupOracleParts {
  readonly objects: ReadonlyMap<string, MObject>;
  readonly versions: ReadonlySet<MVersion>;
  /** Whether anybody is told what is ready. */
  readonly isAsked: () => boolean;
  /** It is told that a version is ready that is offered. */
  readonly note: (version: MVersion) => void;
  /** Who waits until a version is ready has it. */
  readonly serve: (version: MVersion) => void;
}

/**
 * The model of what is ready: complete, as is all that it depends on. Asked after each request of
 * all that is followed; in which order those are told that are ready at once is the pool's choice.
 */
export class GroupOracle {
  /** When the pool tells that a version is ready, in the batch at hand. */
  seqsOf: (name: string, version: number) => Iterable<number> = () => [];
  /** When it has told the last of those that are over. */
  #toldAt = -1;
  readonly #parts: GroupOracleParts;

  constructor(parts: GroupOracleParts) {
    this.#parts = parts;
  }

  /** What a version depends on; null: on nothing. */
  #namesOf({ object, attributes }: MVersion): readonly unknown[] | null {
    const said = object.tags.get(DEPENDS_ON) ?? attributes.get(DEPENDS_ON);
    return Array.isArray(said) ? said : null;
  }

  /** Whether it is ready: what depends on nothing is, once it is whole. */
  isReady(version: MVersion): boolean {
    return version.isReady || (isWhole(version) && this.#namesOf(version) === null);
  }

  #isDue(version: MVersion): boolean {
    if (version.isReady || !isWhole(version)) return false;
    return (this.#namesOf(version) ?? []).every((name) => {
      const object = this.#parts.objects.get(String(name));
      // What a group has is what it has, whatever its name means by now.
      const own = [...(version.group ?? [])].find((each) => each.object.name === name);
      const other = own ?? object?.current ?? null;
      return other !== null && this.isReady(other);
    });
  }

  /** What objects depend on was said anew: it is asked again. */
  dependsAnew({ current }: MObject): void {
    if (current !== null) current.isReady = false;
  }

  /** What became ready with the last change. */
  settle(): void {
    for (let next = this.#next(); next !== null; next = this.#next()) {
      this.#toldAt = Math.max(this.#toldAt, ...this.#seqsAhead(next).slice(0, 1));
      next.isReady = true;
      if (next.offered) this.#parts.note(next);
      this.#parts.serve(next);
    }
  }

  #seqsAhead({ object, number, offered }: MVersion): number[] {
    // What is told later in the batch is something else.
    if (!offered || !this.#parts.isAsked()) return [];
    const seqs = [...this.seqsOf(object.name, number)].filter((seq) => seq > this.#toldAt);
    return seqs.sort((one, other) => one - other);
  }

  #next(): MVersion | null {
    let first: MVersion | null = null;
    let firstAt = Number.POSITIVE_INFINITY;
    for (const version of this.#parts.versions) {
      if (!version.object.name.startsWith('b/') || !this.#isDue(version)) continue;
      const [at = Number.MAX_SAFE_INTEGER] = this.#seqsAhead(version);
      if (at < firstAt) [first, firstAt] = [version, at];
    }
    return first;
  }
}

function isWhole(version: MVersion): boolean {
  if (version.open !== null || isGrowing(version)) return false;
  return version.parts === null || placesOf(version).size === version.length;
}
