/** The last lines are what one wants to read of a world that failed. */
const LINES_MAX = 100;

/** A digest of all that happened, and the last of it in words if somebody wants to read them. */
export class Trace {
  readonly lines: string[] = [];
  readonly #keeps: boolean;
  #low = 0x811c_9dc5;
  #high = 0x9e37_79b1;

  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  say(now: number, words: () => string): void {
    if (!this.#keeps) return;
    if (this.lines.length >= 2 * LINES_MAX) this.lines.splice(0, LINES_MAX);
    this.lines.push(`${now} ms  ${words()}`);
  }

  number(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x0100_0193);
    this.#high = Math.imul(this.#high ^ this.#low, 0x85eb_ca6b) ^ (this.#high >>> 13);
  }

  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#low = Math.imul(this.#low ^ byte, 0x0100_0193);
    this.number(bytes.length);
  }

  get digest(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
