/** Calls that were begun and are not waited for one by one, up to a limit. */
export class InFlight {
  readonly #limit: number;
  readonly #calls = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(call: Promise<unknown>): void {
    const watched = call
      .then(
        () => {},
        (error: unknown) => {
          this.#failure ??= { error };
        },
      )
      .finally(() => this.#calls.delete(watched));
    this.#calls.add(watched);
  }

  /** Returns when there are fewer than the limit; rejects with the first failure of any. */
  async room(): Promise<void> {
    while (this.#calls.size >= this.#limit) await Promise.race(this.#calls);
    this.#check();
  }

  /** Returns when all are through; rejects with the first failure of any. */
  async settle(): Promise<void> {
    await Promise.all(this.#calls);
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
