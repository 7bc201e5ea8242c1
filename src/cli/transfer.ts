import { formatBytes } from '../levels/shm/sizing.js';

/** Bytes that a command moves, counted for its line of progress. */
export class Transfer {
  #bytes = 0;
  #bytesExpected = 0;

  /** So many more are to be moved. */
  expect(bytes: number): void {
    this.#bytesExpected += bytes;
  }

  /** So many more are moved. */
  readonly add = (bytes: number): void => {
    this.#bytes += bytes;
  };

  /** `12.0 MiB of 2.0 GiB`; `12.0 MiB so far` where nobody knows how many there will be. */
  get text(): string {
    const done = formatBytes(this.#bytes);
    if (this.#bytesExpected === 0) return `${done} so far`;
    return `${done} of ${formatBytes(this.#bytesExpected)}`;
  }
}
