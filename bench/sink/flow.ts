/** What flows: objects of one size from several producers, each from values of its own. */
export interface Flow {
  readonly producers: number;
  readonly count: number;
  readonly bytes: number;
  /** Different in each flow of a run. */
  readonly tag: string;
}

export interface FlowProducer {
  /** Offers all of its objects, copied from `own` in turn; returns when all are handed over. */
  produce(flow: Flow, producer: number, own: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
}

export interface FlowConsumer {
  /** Gets every object of every producer, and has `read` look at all of its bytes. */
  consume(flow: Flow, read: (bytes: Uint8Array) => void): Promise<void>;
}

export interface FlowKind {
  producer(at: string, index: number): Promise<FlowProducer>;
  consumer(at: string): Promise<FlowConsumer>;
}

export function objectName({ tag }: Flow, producer: number, index: number): string {
  return `${tag}-${producer}-${index}`;
}

/** So many different arrays a producer has, one after the other. */
export const DISTINCT = 8;

/** Values without a zero: a reader looks for one, and finds none only if it looks everywhere. */
export function ownArrays(bytes: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: DISTINCT }, (_, i) => new Uint8Array(bytes).fill(1 + i));
}

/** Reads every byte, as fast as memory gives them (memchr). */
export function readAll(bytes: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = bytes;
  if (Buffer.from(buffer, byteOffset, byteLength).indexOf(0) < 0) return;
  throw new Error('An object holds what nobody has written');
}
