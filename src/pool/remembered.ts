import { ACTIVITY, ENTITY, ENTITY_FLAG, type Provenance, USE } from './provenance.js';
import { partsOfEntity, wholeOf } from './provenance-parts.js';
import type { Room } from './room.js';

/** What a use or an entity that is looked at takes of the room of an answer. */
const ROW_BYTES = 16;

/** Walks what is remembered, for one answer; notes whether something that belongs there lacks. */
export class Remembered {
  readonly #provenance: Provenance;
  readonly #room: Room;
  /** Something that was met has been forgotten. */
  hasForgotten = false;

  constructor(provenance: Provenance, room: Room) {
    this.#provenance = provenance;
    this.#room = room;
  }

  /**
   * The uses of an entity's run, the last one first, then those of its parts: it was derived from
   * what they used.
   */
  *runOf(entity: number): Generator<number> {
    const { entities } = this.#provenance;
    if ((entities.get(entity, ENTITY.flags) & ENTITY_FLAG.again) !== 0) this.hasForgotten = true;
    yield* this.#runOf(entity);
    for (const part of this.partsOf(entity)) yield* this.#runOf(part);
  }

  /** What tells of parts of an entity that others offered, the last one first. */
  *partsOf(entity: number): Generator<number> {
    for (const part of partsOfEntity(this.#provenance, entity)) {
      if (!this.#room.take(ROW_BYTES)) return;
      yield part;
    }
  }

  *#runOf(entity: number): Generator<number> {
    const { entities } = this.#provenance;
    const end = entities.getWide(entity, ENTITY.useEnd);
    const start = end - entities.get(entity, ENTITY.runSpan);
    for (const use of this.usesUpTo(end)) {
      if (use <= start) return;
      yield use;
    }
  }

  /** A use and those of its activity before it, the last one first. */
  *usesUpTo(last: number): Generator<number> {
    yield* this.#chain(last, USE.previousOfActivity);
  }

  /** The uses of an entity, the last one first. */
  *usesOf(entity: number): Generator<number> {
    yield* this.#chain(
      this.#provenance.entities.getWide(entity, ENTITY.usedLast),
      USE.previousOfEntity,
    );
  }

  /** What a use led to: entities of its activity whose run it belongs to. */
  *madeOf(use: number): Generator<number> {
    const { entities } = this.#provenance;
    for (const entity of this.#listAfter(use)) {
      const runStart =
        entities.getWide(entity, ENTITY.useEnd) - entities.get(entity, ENTITY.runSpan);
      if (runStart >= use) return;
      yield* this.#wholeOf(entity);
    }
  }

  /** All that its activity made of something after a use, in order. */
  *madeAfter(use: number): Generator<number> {
    for (const entity of this.#listAfter(use)) yield* this.#wholeOf(entity);
  }

  /** That of whose version an entity tells: what is no part tells of its own. */
  *#wholeOf(entity: number): Generator<number> {
    const whole = wholeOf(this.#provenance, entity);
    if (whole === 0) this.hasForgotten = true;
    else yield whole;
  }

  *#listAfter(use: number): Generator<number> {
    const { entities, uses, activities } = this.#provenance;
    const activity = uses.get(use, USE.activity);
    const before = uses.getWide(use, USE.entityBefore);
    let entity = 0;
    if (entities.has(before)) {
      const next = entities.get(before, ENTITY.next);
      entity = next === 0 ? 0 : before + next;
    } else {
      entity = activities.getWide(activity, ACTIVITY.entityFirst);
      if (activities.get(activity, ACTIVITY.forgotten) === 1) this.hasForgotten = true;
    }
    while (entity !== 0 && this.#room.take(ROW_BYTES)) {
      yield entity;
      const next = entities.get(entity, ENTITY.next);
      entity = next === 0 ? 0 : entity + next;
    }
  }

  /** The entity that was used; 0 when it is forgotten. */
  usedBy(use: number): number {
    const { uses, entities } = this.#provenance;
    const entity = uses.getWide(use, USE.entity);
    if (entities.has(entity)) return entity;
    this.hasForgotten = true;
    return 0;
  }

  *#chain(last: number, field: number): Generator<number> {
    const { uses } = this.#provenance;
    for (let use = last; use !== 0 && this.#room.take(ROW_BYTES); ) {
      if (!uses.has(use)) {
        this.hasForgotten = true;
        return;
      }
      yield use;
      const distance = uses.get(use, field);
      if (distance === 0) return;
      use = Math.max(use - distance, 1);
    }
  }
}
