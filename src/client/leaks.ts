/**
 * Notices what was delivered and never disposed: the pool keeps such bytes until the process ends.
 * Warns once, as the first one shows where to look. It cannot dispose by itself: the program may
 * still hold the array.
 */
export class Leaks {
  #warned = false;
  readonly #registry = new FinalizationRegistry<string>((name) => {
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(
      `"${name}" was demanded and never disposed; the pool keeps its bytes for this process. ` +
        'Use "await using", or call dispose(). Further ones are not reported.',
      { type: 'AttaccaWarning', code: 'ATTACCA_NOT_DISPOSED' },
    );
  });

  watch(held: object, name: string): void {
    this.#registry.register(held, name, held);
  }

  forget(held: object): void {
    this.#registry.unregister(held);
  }
}
