/** What was begun and must be ended, in reverse; a failure of one does not keep the others. */
export class Cleanup {
  readonly #steps: (() => void | Promise<void>)[] = [];

  push(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /** Runs all steps once. */
  async run(onError: (error: unknown) => void = () => {}): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        onError(error);
      }
    }
  }
}
