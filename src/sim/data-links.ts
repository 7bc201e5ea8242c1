import { DataLink, type LinkParts } from './data-link.js';
import type { ClientProcess } from './member.js';

/** Processes without shared memory, in some of the worlds some of them: members of other hosts. */
export class DataLinks {
  readonly #parts: LinkParts;
  readonly #areThere: boolean;
  #links: DataLink[] = [];

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#areThere = parts.dice(3) === 0;
  }

  /** The data connection of a process; null: it needs none. */
  of(process: ClientProcess): DataLink | null {
    if (!this.#areThere || this.#parts.dice(2) === 0) return null;
    const link = new DataLink(process, this.#parts);
    this.#links = [...this.#links.filter(({ isOver }) => !isOver), link];
    return link;
  }

  /** The agent has ended with its manager. */
  lose(): void {
    for (const link of this.#links) link.lose();
  }
}
