import { assert } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { isNewWork } from '../pool/new-work.js';
import { MESSAGE_HEADER_SIZE, type Messages } from '../protocol/index.js';

/** A frame's numbers stand before its messages. */
const FRAME_ROOM = LIMITS.frameBytesMax - 32;

/** Cuts a run of messages where a frame is full; most runs are one frame. */
export function splitMessages(
  bytes: Uint8Array,
  size: number,
  count: number,
): { bytes: Uint8Array; count: number }[] {
  if (size <= FRAME_ROOM) return [{ bytes: bytes.subarray(0, size), count }];
  const parts: { bytes: Uint8Array; count: number }[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  let start = 0;
  let messages = 0;
  for (let at = 0; at < size; ) {
    const length = view.getUint32(at, true);
    assert(length >= 8 && length <= FRAME_ROOM, 'an answer fits a frame');
    if (at + length - start > FRAME_ROOM) {
      parts.push({ bytes: bytes.subarray(start, at), count: messages });
      start = at;
      messages = 0;
    }
    at += length;
    messages++;
  }
  parts.push({ bytes: bytes.subarray(start, size), count: messages });
  return parts;
}

/**
 * The body of a frame of which only that is left which is done without room in the journal: of
 * requests that bring something new there is the head.
 */
export function withoutNewWork(messages: Messages): Uint8Array {
  const w = new Writer(256);
  w.u64(messages.first);
  w.u64(messages.ack);
  while (messages.next()) {
    const { bytes } = messages.reader;
    if (!isNewWork(messages.code)) {
      w.rawRange(bytes, messages.start, messages.end);
      continue;
    }
    w.u32(MESSAGE_HEADER_SIZE);
    w.u32(messages.code);
  }
  return w.written();
}
