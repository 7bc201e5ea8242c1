import { Socket } from 'node:net';

/**
 * A socket that hears its peer out. A write to a peer that has closed fails, upon which Node
 * destroys the socket, and with it what the peer said before: why it refuses us. Here that is read
 * first.
 */
export class PatientSocket extends Socket {
  #isEnding = false;

  override destroy(error?: Error): this {
    const isWrite = error !== undefined && 'syscall' in error && error.syscall === 'write';
    if (!isWrite || this.#isEnding) return super.destroy(error);
    this.#isEnding = true;
    // The peer's words are with the kernel by now, and read when the event loop looks next: between
    // these two. There is no event to wait for: after a failed write Node tells no end.
    setImmediate(() => setImmediate(() => super.destroy(error)));
    return this;
  }

  /** What was read: after a failed write Node would drop it. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (!this.#isEnding || chunk === null) return super.push(chunk, encoding);
    return this.emit('data', chunk);
  }
}
