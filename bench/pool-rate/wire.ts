import type { Socket } from 'node:net';
import { loadRival } from '../rivals/installed.js';
import type { Field } from './workload.js';

/** What a rival's client asks: one message may carry many objects. */
export interface WireRequest {
  readonly id: number;
  readonly offer: readonly Field[];
}

export interface WireReply {
  readonly id: number;
  readonly ok: boolean;
}

/** How a rival puts messages on a stream. */
export interface Codec {
  encode(message: WireRequest | WireReply): Uint8Array | string;
  /** Takes chunks; calls back for each whole message. */
  decoder(onMessage: (message: unknown) => void): (chunk: Buffer) => void;
}

const NEWLINE = 10;

/** JSON, a line a message. */
const jsonLines: Codec = {
  encode: (message) => `${JSON.stringify(message)}\n`,
  decoder(onMessage) {
    let rest: Buffer[] = [];
    return (chunk) => {
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(NEWLINE, start);
        if (end < 0) break;
        const head = chunk.subarray(start, end);
        const line = rest.length === 0 ? head : Buffer.concat([...rest, head]);
        rest = [];
        onMessage(JSON.parse(line.toString('utf8')));
        start = end + 1;
      }
      if (start < chunk.length) rest.push(chunk.subarray(start));
    };
  },
};

interface MessagePack {
  readonly Encoder: new () => { encodeSharedRef(value: unknown): Uint8Array };
  readonly Decoder: new () => { decode(bytes: Uint8Array): unknown };
}

const SIZE_BYTES = 4;

/** MessagePack by @msgpack/msgpack, a size before each message. */
function messagePack(): Codec {
  const { Encoder, Decoder } = loadRival('@msgpack/msgpack') as MessagePack;
  const encoder = new Encoder();
  const decoder = new Decoder();
  return {
    encode(message) {
      // Its own buffer, until the next message: copied once, not twice.
      const body = encoder.encodeSharedRef(message);
      const framed = Buffer.allocUnsafe(SIZE_BYTES + body.length);
      framed.writeUInt32LE(body.length);
      framed.set(body, SIZE_BYTES);
      return framed;
    },
    decoder(onMessage) {
      let chunks: Buffer[] = [];
      let size = 0;
      return (chunk) => {
        chunks.push(chunk);
        size += chunk.length;
        const head = chunks[0] ?? chunk;
        const due = head.length >= SIZE_BYTES ? head.readUInt32LE() + SIZE_BYTES : SIZE_BYTES;
        if (size < due) return;
        const all = chunks.length === 1 ? chunk : Buffer.concat(chunks, size);
        let at = 0;
        while (all.length - at >= SIZE_BYTES) {
          const end = at + SIZE_BYTES + all.readUInt32LE(at);
          if (end > all.length) break;
          onMessage(decoder.decode(all.subarray(at + SIZE_BYTES, end)));
          at = end;
        }
        chunks = at < all.length ? [all.subarray(at)] : [];
        size = all.length - at;
      };
    },
  };
}

export function codecOf(name: string): Codec {
  if (name === 'json') return jsonLines;
  if (name === 'msgpack') return messagePack();
  throw new RangeError(`Cannot speak "${name}": json or msgpack`);
}

/** Writes what a turn of the event loop has gathered at once: kind to every rival. */
export function gatheringWriter(
  socket: Socket,
  codec: Codec,
): (message: WireRequest | WireReply) => void {
  let planned = false;
  return (message) => {
    if (!planned) {
      planned = true;
      socket.cork();
      process.nextTick(() => {
        planned = false;
        socket.uncork();
      });
    }
    socket.write(codec.encode(message));
  };
}
