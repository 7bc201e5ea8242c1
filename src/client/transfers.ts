import { AttaccaError } from '../core/errors.js';
import type { Bytes } from './arrays.js';
import type { Slice } from './slice.js';

/** Bytes on their way over a data connection. */
export type Transfer = WriteTransfer | ReadTransfer;

interface TransferBase {
  readonly slice: Slice;
  readonly resolve: () => void;
  readonly reject: (error: AttaccaError) => void;
}

/** One WRITE frame: at most `DATA_BYTES_MAX` bytes. */
interface WriteTransfer extends TransferBase {
  readonly kind: 'write';
  readonly bytes: Uint8Array;
}

/** One READ; `received` counts from the start of the slice. */
interface ReadTransfer extends TransferBase {
  readonly kind: 'read';
  readonly target: Bytes;
  received: number;
}

/** Takes one DATA frame of a READ; its bytes come in the order of their offsets. */
export function receive(transfer: ReadTransfer, offset: number, bytes: Uint8Array): void {
  const { slice, target, received } = transfer;
  if (offset !== slice.offset + received || received + bytes.length > slice.size) {
    throw new AttaccaError(
      'bad-frame',
      'Cannot take data of the pool: it is not what was asked for',
      {
        offset,
        size: bytes.length,
      },
    );
  }
  target.set(bytes, received);
  transfer.received += bytes.length;
}

/** Whether DONE tells of all that was asked for. */
export function isComplete(transfer: Transfer, bytesMoved: number): boolean {
  if (bytesMoved !== transfer.slice.size) return false;
  return transfer.kind === 'write' || transfer.received === transfer.slice.size;
}
