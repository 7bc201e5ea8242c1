import type { Messages } from '../protocol/index.js';
import { must } from './violation.js';

/**
 * What the manager has said to each session, by the numbers of its messages: whatever is sent
 * again, by this manager or by the one after it, must be the same to the last byte.
 */
export class Transcript {
  readonly #said = new Map<number, Uint8Array[]>();

  /** Takes a message on its way to a connection. */
  take(session: number, messages: Messages): void {
    let said = this.#said.get(session);
    if (said === undefined) {
      said = [];
      this.#said.set(session, said);
    }
    const { number, start, end } = messages;
    const { bytes } = messages.reader;
    const before = said[number - 1];
    const where = (): string => `session ${session}: message ${number}`;
    if (before === undefined) {
      must(
        said.length === number - 1,
        'messages are in order',
        () => `${where()} comes before others`,
      );
      said.push(bytes.subarray(start, end));
      return;
    }
    let isSame = before.length === end - start;
    for (let at = start; isSame && at < end; at++) isSame = bytes[at] === before[at - start];
    must(isSame, 'same bytes again', () => `${where()} is another than before`);
  }
}
