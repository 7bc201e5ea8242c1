import type { Writer } from '../../src/core/bytes.js';
import { EXACT } from '../../src/core/value-codec.js';
import type { Accept, FrameName, Hello, Refuse } from '../../src/protocol/index.js';
import * as protocol from '../../src/protocol/index.js';
import { type AnyMessage, decodeAny } from './decode-any.js';
import { encodeAny } from './encode-any.js';
import { readWrite } from './other-side.js';

/** Any frame as one plain object. */
export type AnyFrame =
  | Hello
  | Accept
  | Refuse
  | { kind: 'messages'; first: number; ack: number; messages: readonly AnyMessage[] }
  | { kind: 'ack'; ack: number }
  | { kind: 'write'; transfer: number; slab: number; offset: number; payload: Uint8Array }
  | protocol.Read
  | { kind: 'data'; transfer: number; offset: number; payload: Uint8Array }
  | protocol.Done
  | protocol.Failed;

type Encoder<K> = (w: Writer, frame: Extract<AnyFrame, { kind: K }>) => void;

const ENCODERS: { readonly [K in FrameName]: Encoder<K> } = {
  hello: protocol.writeHello,
  accept: protocol.writeAccept,
  refuse: protocol.writeRefuse,
  messages: (w, frame) => {
    const start = protocol.beginMessages(w, frame.first, frame.ack);
    for (const message of frame.messages) encodeAny(w, message);
    protocol.endFrame(w, start);
  },
  ack: (w, frame) => protocol.writeAck(w, frame.ack),
  write: (w, frame) => {
    protocol.writeWriteHead(w, frame.transfer, frame.slab, frame.offset, frame.payload.length);
    w.raw(frame.payload);
  },
  read: (w, frame) => protocol.writeRead(w, frame.transfer, frame.slab, frame.offset, frame.size),
  data: (w, frame) => {
    protocol.writeDataHead(w, frame.transfer, frame.offset, frame.payload.length);
    w.raw(frame.payload);
  },
  done: (w, frame) => protocol.writeDone(w, frame.transfer, frame.size),
  failed: (w, frame) => protocol.writeFailed(w, frame.transfer, frame.code, frame.message),
};

export function encodeFrame(w: Writer, frame: AnyFrame): void {
  const encode = ENCODERS[frame.kind] as (w: Writer, frame: AnyFrame) => void;
  encode(w, frame);
}

function decodeMessages(bytes: Uint8Array, start: number, end: number): AnyFrame {
  const messages = new protocol.Messages();
  messages.open(bytes, start, end);
  const list: AnyMessage[] = [];
  while (messages.next()) list.push(decodeAny(messages.code, messages.reader));
  return { kind: 'messages', first: messages.first, ack: messages.ack, messages: list };
}

/** Reads the body of a frame of `kind`, as `FrameAssembler` hands it out: exactly, to compare. */
export function decodeFrame(kind: number, bytes: Uint8Array, start: number, end: number): AnyFrame {
  switch (kind) {
    case protocol.FRAME.hello:
      return protocol.readHello(bytes, start, end, EXACT);
    case protocol.FRAME.accept:
      return protocol.readAccept(bytes, start, end, EXACT);
    case protocol.FRAME.refuse:
      return protocol.readRefuse(bytes, start, end, EXACT);
    case protocol.FRAME.messages:
      return decodeMessages(bytes, start, end);
    case protocol.FRAME.ack:
      return { kind: 'ack', ack: protocol.readAck(bytes, start, end) };
    case protocol.FRAME.write: {
      const { payloadStart, payloadEnd, ...write } = readWrite(bytes, start, end);
      return { ...write, payload: bytes.slice(payloadStart, payloadEnd) };
    }
    case protocol.FRAME.read:
      return protocol.readRead(bytes, start, end);
    case protocol.FRAME.data: {
      const { payloadStart, payloadEnd, ...data } = protocol.readData(bytes, start, end);
      return { ...data, payload: bytes.slice(payloadStart, payloadEnd) };
    }
    case protocol.FRAME.done:
      return protocol.readDone(bytes, start, end);
    case protocol.FRAME.failed:
      return protocol.readFailed(bytes, start, end);
    default:
      throw new Error(`a frame of kind ${kind} got past the assembler`);
  }
}

/** All frames in `bytes`, which end with a frame. */
export function decodeFrames(bytes: Uint8Array, frameBytesMax?: number): AnyFrame[] {
  const assembler = new protocol.FrameAssembler(frameBytesMax);
  const frames: AnyFrame[] = [];
  assembler.push(bytes);
  while (assembler.next()) {
    const { kind, start, end } = assembler;
    frames.push(decodeFrame(kind, assembler.bytes, start, end));
  }
  return frames;
}
