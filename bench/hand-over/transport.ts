/** Numbers that can be read, whoever's memory they are in. */
export interface Numbers {
  readonly length: number;
  readonly [index: number]: number;
}

/**
 * Where a producer's values are before the offer: `place` as the way of transport likes it best, in
 * shared memory if it has some; `own` an array of the program's own, as it computed it.
 */
export type Mode = 'place' | 'own';

export interface Parcel {
  readonly seq: number;
  readonly bytes: number;
  readonly mode: Mode;
}

/** One end of a way to hand arrays over. */
export interface ProducerSide {
  /** Gets the values ready; not timed. */
  write(parcel: Parcel): Promise<void>;
  /** Hands them over. What it does before its first `await` is within the time. */
  offer(parcel: Parcel): Promise<void>;
  /** The consumer has done with it. */
  after(parcel: Parcel): Promise<void>;
}

/** Is told how many elements are there, while the others still come. */
export type Progress = (array: Numbers, count: number) => void;

export interface Received {
  readonly array: Numbers;
  end(): Promise<void>;
}

export interface ConsumerSide {
  /** Waits for the parcel of this number; all of it is in `array` then. */
  receive(parcel: Parcel, progress: Progress | null): Promise<Received>;
}

/** Where the two ends meet. */
export interface Meeting {
  /** A pool's address, a socket or a directory, as the way of transport needs it. */
  readonly at: string;
}

export interface TransportKind {
  producer(meeting: Meeting): Promise<ProducerSide>;
  consumer(meeting: Meeting): Promise<ConsumerSide>;
}

const FLOAT_BYTES = 8;
/** Elements repeat after so many: their sum is exact and known. */
const PATTERN = 1_024;

/** What every producer hands over. */
export function fillPattern(array: Float64Array): void {
  const head = Math.min(PATTERN, array.length);
  for (let i = 0; i < head; i++) array[i] = i;
  for (let filled = head; filled < array.length; filled *= 2) {
    array.copyWithin(filled, 0, Math.min(filled, array.length - filled));
  }
}

export function patternSum(bytes: number): number {
  const count = bytes / FLOAT_BYTES;
  const whole = Math.floor(count / PATTERN);
  const rest = count % PATTERN;
  return whole * ((PATTERN * (PATTERN - 1)) / 2) + (rest * (rest - 1)) / 2;
}

/** Sums every element, as far as they have come. */
export class RunningSum {
  value = 0;
  #at = 0;

  upTo(array: Numbers, count: number): void {
    let value = this.value;
    for (let i = this.#at; i < count; i++) value += array[i] ?? 0;
    this.value = value;
    this.#at = count;
  }
}

/** Arrays of the producer's own, filled once for each size. */
export class OwnArrays {
  readonly #arrays = new Map<number, Float64Array<ArrayBuffer>>();

  of(bytes: number): Float64Array<ArrayBuffer> {
    let array = this.#arrays.get(bytes);
    if (array === undefined) {
      // One size at a time: a gigabyte each adds up.
      this.#arrays.clear();
      array = new Float64Array(bytes / FLOAT_BYTES);
      fillPattern(array);
      this.#arrays.set(bytes, array);
    }
    return array;
  }

  bytesOf(bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.of(bytes).buffer);
  }
}
