/**
 * Versions that are withdrawn, and depend on what is not there. No index of the catalog has them:
 * each is found by one name that it lacks, so that what becomes ready costs those alone that wait
 * for it.
 */
export class Unready {
  /** By version, the name that it waits for; '' while it is not whole itself. */
  readonly #lacks = new Map<number, string>();
  readonly #waiting = new Map<string, Set<number>>();
  /** Those that may have become ready: looked at before the message ends. */
  readonly due = new Set<number>();

  get size(): number {
    return this.#lacks.size;
  }

  has(version: number): boolean {
    return this.#lacks.has(version);
  }

  versions(): Iterable<number> {
    return this.#lacks.keys();
  }

  /** The name that a version is found by. */
  lackedBy(version: number): string | undefined {
    return this.#lacks.get(version);
  }

  /** A version waits for a name, and for no other one any more. */
  wait(version: number, name: string): void {
    this.#forget(version);
    this.#lacks.set(version, name);
    const waiting = this.#waiting.get(name) ?? new Set<number>();
    waiting.add(version);
    this.#waiting.set(name, waiting);
  }

  delete(version: number): void {
    this.#forget(version);
    this.#lacks.delete(version);
    this.due.delete(version);
  }

  /** What has a name became ready. In the order of rows, which a restored pool has, too. */
  wake(name: string): void {
    const waiting = [...(this.#waiting.get(name) ?? [])].sort((one, other) => one - other);
    for (const version of waiting) this.due.add(version);
  }

  #forget(version: number): void {
    const name = this.#lacks.get(version);
    if (name === undefined) return;
    const waiting = this.#waiting.get(name);
    waiting?.delete(version);
    if (waiting?.size === 0) this.#waiting.delete(name);
  }
}
