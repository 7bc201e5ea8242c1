/** Works that go on beside each other, so many at most. */
export class Crew {
  readonly #most: number;
  readonly #working = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns when there is room for another. Throws what the first failure was. */
  async add(work: Promise<void>): Promise<void> {
    const kept: Promise<void> = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#working.delete(kept));
    this.#working.add(kept);
    if (this.#working.size >= this.#most) await Promise.race(this.#working);
    this.#throw();
  }

  /** Returns when all have ended, however. */
  async ended(): Promise<void> {
    await Promise.all(this.#working);
  }

  /** Returns when all are done. Throws what the first failure was. */
  async done(): Promise<void> {
    await this.ended();
    this.#throw();
  }

  #throw(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
