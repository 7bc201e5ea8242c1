/** Those who wait for something to come: all of them go on when it does, and look for it. */
export class Arrivals {
  readonly #waiting = new Set<() => void>();

  /** Resolves with the next arrival, when the time is over, or when the signal fires. */
  next(signal: AbortSignal | undefined, ms = Number.POSITIVE_INFINITY): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = ms < 2 ** 31 ? setTimeout(end, Math.max(0, ms)) : undefined;
      signal?.addEventListener('abort', end, { once: true });
      this.#waiting.add(end);
    });
  }

  /** Something has come, or will never. */
  wake(): void {
    for (const end of [...this.#waiting]) end();
  }
}
