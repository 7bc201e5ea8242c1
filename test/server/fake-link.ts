import type { Link } from '../../src/transport/index.js';

/** A link to nobody: takes what is written and brings nothing. */
export class FakeLink implements Link {
  readonly kind = 'unix';
  readonly peer = 'nobody';
  readonly localHost = '';
  readonly bytesQueued = 0;
  readonly isFull = false;
  readonly isClosed = false;
  onData: (chunk: Uint8Array) => void = () => {};
  onClose = (): void => {};
  onDrain = (): void => {};
  write(): void {}
  flush(): void {}
  pause(): void {}
  resume(): void {}
  close(): void {}
  destroy(): void {}
  ref(): void {}
  unref(): void {}
}
