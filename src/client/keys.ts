import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';

/**
 * The numbers that attribute keys have in this session. `announce` sends KEY for a new one; it goes
 * out before the message that uses it.
 */
export class KeyNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #announce: (number: number, name: string) => void;

  constructor(announce: (number: number, name: string) => void) {
    this.#announce = announce;
  }

  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    if (number >= LIMITS.sessionKeysMax) {
      throw new AttaccaError(
        'bad-attribute',
        `Cannot use the key "${name}": this process uses ${LIMITS.sessionKeysMax} others`,
        { key: name, limit: LIMITS.sessionKeysMax },
      );
    }
    this.#announce(number, name);
    this.#numbers.set(name, number);
    return number;
  }
}
