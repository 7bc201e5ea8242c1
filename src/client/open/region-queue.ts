import type { Writer } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import { copyCommon } from '../../core/regions/copy.js';
import { splitRegion } from '../../core/regions/cutting.js';
import type { Region } from '../../core/regions/region.js';
import { itemSizeOf, type Space } from '../../core/space.js';
import { MESSAGE, writeTransfer } from '../../protocol/index.js';
import type { Bytes } from '../arrays.js';
import { Call } from '../call.js';
import { copyHeld, type Held } from '../copying.js';
import type { Handle } from '../handle.js';
import { leaseFor } from '../offering.js';
import type { WaitOptions } from '../options.js';
import type { Slice } from '../slice.js';
import type { Threads } from '../threads.js';
import { type Patience, restOf } from '../waiting.js';
import { sievesFor } from './sieving.js';

/** How bytes lie: dtype, order, byte order. */
export type Layout = Omit<Space, 'shape'>;

/** Sizes that the caller may choose. */
export interface QueueSizes {
  /** Writes are put together up to so many bytes. */
  readonly gatherBytes: number;
  /** Reads are served from one that bounds them, if that has no more bytes than this. */
  readonly sieveBytes: number;
}

/** Larger writes go in pieces: so many bytes of the pool's memory a write takes at a time. */
const PIECE_BYTES_MAX = 64 << 20;
/** Regions of one request: what is sent is taken up while the next is put together. */
const REGIONS_MAX = 4_096;
/** Runs of even steps in the regions of one request: bounds its size. */
const RUNS_MAX = 65_536;
interface Settling {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Operation = Settling & {
  /** What nobody waits for any more before it was sent is not sent. */
  readonly patience: Patience | null;
} & (
    | {
        readonly kind: 'write' | 'read';
        readonly region: Region;
        /** Where its elements lie in the program: they alone, or among others. */
        readonly home: Held;
        readonly size: number;
        readonly as: Layout;
        readonly lossy: boolean;
      }
    | { readonly kind: 'post'; readonly write: (w: Writer, handle: number) => void }
  );

type Moved = Extract<Operation, { kind: 'write' | 'read' }>;

/**
 * What a member asks of an open object, in its order. What is asked for in one turn of the event
 * loop is put together: small writes to one piece of leased memory and one request, small reads
 * likewise, or served from one that bounds them. Until an operation is settled its bytes are used.
 */
export class RegionQueue {
  readonly #handle: Handle;
  readonly #space: Space;
  readonly #sizes: QueueSizes;
  #waiting: Operation[] = [];
  #bytes = 0;
  #isPlanned = false;
  /** What was begun is sent in its order. */
  #sending: Promise<void> = Promise.resolve();
  /** Operations that are not settled, and who waits until there are none. */
  #left = 0;
  #idle: (() => void)[] = [];

  constructor(handle: Handle, space: Space, sizes: QueueSizes) {
    this.#handle = handle;
    this.#space = space;
    this.#sizes = sizes;
  }

  /**
   * Writes the elements of a region from where they lie; settled when the pool says what the
   * object's consistency has it say.
   */
  write(
    region: Region,
    home: Held,
    as: Layout,
    lossy: boolean,
    patience: Patience | null,
  ): Promise<void> {
    return this.#move('write', region, home, as, lossy, patience);
  }

  /** Reads elements to where they shall be. */
  read(
    region: Region,
    home: Held,
    as: Layout,
    lossy: boolean,
    patience: Patience | null,
  ): Promise<void> {
    return this.#move('read', region, home, as, lossy, patience);
  }

  /** A request of another kind, behind all that was asked for; settled with its answer. */
  post(
    write: (w: Writer, handle: number) => void,
    patience: Patience | null = null,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#take({ kind: 'post', write, patience, resolve, reject });
    });
  }

  /** Resolves when all that was asked for is settled, however it went. */
  async idle(): Promise<void> {
    if (this.#left > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  // Positional values, as a loop calls this for each small write.
  #move(
    kind: Moved['kind'],
    region: Region,
    home: Held,
    as: Layout,
    lossy: boolean,
    patience: Patience | null,
  ): Promise<void> {
    const size = region.count * itemSizeOf(as.dtype);
    if (size > PIECE_BYTES_MAX) {
      const all = piecesOf(region, home, as).map((piece) =>
        this.#move(kind, piece.region, piece.home, as, lossy, patience),
      );
      return Promise.all(all).then(() => {});
    }
    // So that none is left over for a request of its own.
    if (this.#bytes > 0 && this.#bytes + size > this.#sizes.gatherBytes) this.#flush();
    return new Promise((resolve, reject) => {
      this.#bytes += size;
      this.#take({ kind, region, home, size, as, lossy, patience, resolve, reject });
    });
  }

  #take(operation: Operation): void {
    this.#left++;
    this.#waiting.push(operation);
    if (this.#bytes >= this.#sizes.gatherBytes || this.#waiting.length >= REGIONS_MAX) {
      this.#flush();
    } else if (!this.#isPlanned) {
      this.#isPlanned = true;
      queueMicrotask(() => {
        this.#isPlanned = false;
        this.#flush();
      });
    }
  }

  /** Those operations are over, with an error or without. */
  #settle(run: readonly Settling[], error?: unknown): void {
    for (const { resolve, reject } of run) {
      if (error === undefined) resolve();
      else reject(error);
    }
    this.#left -= run.length;
    if (this.#left > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #settleWith(call: Call<never>, run: readonly Settling[]): void {
    call.promise.then(
      () => this.#settle(run),
      (error: unknown) => this.#settle(run, error),
    );
  }

  #flush(): void {
    const operations = this.#waiting;
    if (operations.length === 0) return;
    this.#waiting = [];
    this.#bytes = 0;
    this.#sending = this.#sending.then(async () => {
      for (const run of this.#runsOf(operations)) await this.#send(run);
    });
  }

  /** Neighbours of one kind that go in one request. */
  *#runsOf(operations: readonly Operation[]): Generator<readonly Operation[]> {
    let run: Operation[] = [];
    let [bytes, runs] = [0, 0];
    for (const each of operations) {
      const [size, cost] = each.kind === 'post' ? [0, 0] : [each.size, each.region.runs];
      const [first] = run;
      const fits = bytes + size <= this.#sizes.gatherBytes && runs + cost <= RUNS_MAX;
      if (first !== undefined && !(fits && goTogether(first, each))) {
        yield run;
        run = [];
        [bytes, runs] = [0, 0];
      }
      run.push(each);
      bytes += size;
      runs += cost;
    }
    yield run;
  }

  async #send(run: readonly Operation[]): Promise<void> {
    const [first] = run;
    if (first?.kind === 'read') return await this.#read(run as readonly Moved[]);
    await this.#orSettle(run, async () => {
      if (first?.kind === 'post') await this.#post(first);
      else await this.#write(run as readonly Moved[]);
    });
  }

  /** What could not be sent is over with that. */
  async #orSettle(run: readonly Settling[], send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      this.#settle(run, error);
    }
  }

  /** What is left of the time of a run, all of which have the same. Throws when there is none. */
  #restOf([first]: readonly Pick<Operation, 'patience'>[]): WaitOptions {
    return restOf(`use "${this.#handle.name}"`, first?.patience ?? null);
  }

  async #post(operation: Extract<Operation, { kind: 'post' }>): Promise<void> {
    await this.#enter();
    this.#restOf([operation]);
    const call = new Call<never>(1);
    this.#handle.post(call, 1, operation.write);
    this.#settleWith(call, [operation]);
  }

  async #write(run: readonly Moved[]): Promise<void> {
    await this.#enter();
    this.#restOf(run);
    const { client } = this.#handle.seat;
    const size = run.reduce((sum, each) => sum + each.size, 0);
    if (size <= client.inlineBytesMax) {
      const bytes = new Uint8Array(size);
      await fill(client.threads, bytes, run);
      const call = this.#transfer(MESSAGE.writeRegions, run, { kind: 'inline', bytes });
      this.#settleWith(call, run);
      return;
    }
    const slice = await this.#lease(size, run);
    let call: Call<never>;
    try {
      await this.#store(slice, run);
      this.#restOf(run);
      call = this.#transfer(MESSAGE.writeRegions, run, { kind: 'slice', ...slice });
    } catch (error) {
      client.leases.giveBack(slice);
      throw error;
    }
    // What is refused is still leased.
    call.promise.catch(() => client.leases.giveBack(slice));
    this.#settleWith(call, run);
  }

  async #store(slice: Slice, run: readonly Moved[]): Promise<void> {
    const { plane, threads } = this.#handle.seat.client;
    const target = plane.writable(slice);
    if (target !== null) {
      await fill(threads, target, run);
      return;
    }
    const bytes = new Uint8Array(slice.size);
    await fill(threads, bytes, run);
    await plane.store(slice, bytes);
  }

  async #read(run: readonly Moved[]): Promise<void> {
    const { threads } = this.#handle.seat.client;
    const [first] = run as readonly [Moved, ...Moved[]];
    const { order, dtype } = first.as;
    const itemSize = itemSizeOf(dtype);
    // Where more elements have a place than are read, not all that comes may be put there.
    const isAlone = ({ region, home }: Moved): boolean => region === home.region;
    const most = Math.floor(this.#sizes.sieveBytes / itemSize);
    const { sieved, others } = sievesFor(run.filter(isAlone), this.#space.order, most);
    for (const { box, reads } of sieved) {
      const whole = { ...first, region: box, size: box.count * itemSize };
      const take = (bytes: Bytes): null => {
        const from = { region: box, bytes, order };
        for (const { home } of reads) copyCommon(from, { ...home, order }, itemSize);
        return null;
      };
      await this.#orSettle(reads, () => this.#fetch([whole], take, reads));
    }
    const rest = [...others, ...run.filter((each) => !isAlone(each))];
    if (rest.length === 0) return;
    await this.#orSettle(rest, () =>
      this.#fetch(rest, (bytes) => deal(threads, bytes, rest), rest),
    );
  }

  /** Reads regions to leased memory, and takes what came from there when it is there. */
  async #fetch(
    run: readonly Fetched[],
    take: (bytes: Bytes) => Promise<void> | null,
    settled: readonly Settling[],
  ): Promise<void> {
    await this.#enter();
    this.#restOf(run);
    const { client } = this.#handle.seat;
    const size = run.reduce((sum, each) => sum + each.size, 0);
    if (size === 0) {
      this.#settle(settled);
      return;
    }
    const slice = await this.#lease(size, run);
    let call: Call<never>;
    try {
      this.#restOf(run);
      call = this.#transfer(MESSAGE.readRegions, run, { kind: 'slice', ...slice });
    } catch (error) {
      client.leases.giveBack(slice);
      throw error;
    }
    const fetched = call.promise.then(async () => {
      const { plane } = client;
      await take(plane.writable(slice) ?? (await plane.load(slice, 'read-write')));
    });
    fetched.then(
      () => {
        client.leases.giveBack(slice);
        this.#settle(settled);
      },
      (error: unknown) => {
        client.leases.giveBack(slice);
        this.#settle(settled, error);
      },
    );
  }

  /** Waits while memory is full: as long as who asked for it does. */
  async #lease(size: number, run: readonly Fetched[]): Promise<Slice> {
    try {
      return await leaseFor(this.#handle, size, this.#restOf(run));
    } catch (error) {
      // By then their time is up: that is the reason, whichever of the two clocks was first.
      this.#restOf(run);
      throw error;
    }
  }

  async #enter(): Promise<void> {
    const room = this.#handle.seat.enter(`use "${this.#handle.name}"`);
    if (room !== null) await room;
  }

  #transfer(
    code: typeof MESSAGE.writeRegions | typeof MESSAGE.readRegions,
    run: readonly Fetched[],
    payload: Parameters<typeof writeTransfer>[2]['payload'],
  ): Call<never> {
    const [first] = run;
    if (first === undefined) throw new AttaccaError('internal', 'Cannot move nothing');
    const { as, lossy } = first;
    const call = new Call<never>(1);
    const regions = run.map(({ region }) => region);
    this.#handle.post(call, 1, (w, handle) =>
      writeTransfer(w, code, { handle, as: this.#unlike(as), lossy, regions, payload }),
    );
    return call;
  }

  /** What of a layout is not the object's. */
  #unlike(as: Layout): Layout | null {
    const { dtype, order, byteOrder } = this.#space;
    const isSame = as.dtype === dtype && as.order === order && as.byteOrder === byteOrder;
    return isSame ? null : as;
  }
}

type Fetched = Pick<Moved, 'region' | 'as' | 'lossy' | 'size' | 'patience'>;

function goTogether(one: Operation, other: Operation): boolean {
  if (one.kind === 'post' || other.kind === 'post' || one.kind !== other.kind) return false;
  if (one.lossy !== other.lossy || !endTogether(one.patience, other.patience)) return false;
  const [a, b] = [one.as, other.as];
  if (a === b) return true;
  return a.dtype === b.dtype && a.order === b.order && a.byteOrder === b.byteOrder;
}

/** Those of one request are given up together. */
function endTogether(one: Patience | null, other: Patience | null): boolean {
  return one?.timeoutMs === other?.timeoutMs && one?.signal === other?.signal;
}

/** Puts what is written to where it goes from, one behind the other. */
function fill(threads: Threads, target: Uint8Array, run: readonly Moved[]): Promise<void> | null {
  return copyAll(threads, 'gather', target, run);
}

/** Takes what was read to where it shall be. */
function deal(threads: Threads, source: Uint8Array, run: readonly Moved[]): Promise<void> | null {
  return copyAll(threads, 'scatter', source, run);
}

function copyAll(
  threads: Threads,
  direction: 'gather' | 'scatter',
  all: Uint8Array,
  run: readonly Moved[],
): Promise<void> | null {
  let at = 0;
  const copying: Promise<void>[] = [];
  for (const { region, home, size, as } of run) {
    // Many small writes: nothing is made for each.
    const isSmall = region === home.region && threads.areFewBytes(size);
    if (isSmall && direction === 'gather') all.set(home.bytes, at);
    else {
      const stretch = { region, bytes: all.subarray(at, at + size) };
      const copied = copyHeld(threads, direction, as, stretch, home);
      if (copied !== null) copying.push(copied);
    }
    at += size;
  }
  return copying.length > 0 ? ended(copying) : null;
}

/** All have ended, and then the first that failed. */
async function ended(copying: readonly Promise<void>[]): Promise<void> {
  for (const each of await Promise.allSettled(copying)) {
    if (each.status === 'rejected') throw each.reason;
  }
}

/** What is large goes in pieces. */
function piecesOf(
  region: Region,
  home: Held,
  as: Layout,
): readonly { readonly region: Region; readonly home: Held }[] {
  const itemSize = itemSizeOf(as.dtype);
  const pieces = splitRegion(region, Math.floor(PIECE_BYTES_MAX / itemSize));
  if (region !== home.region || as.order === 'column') {
    return [...pieces].map((piece) => ({ region: piece, home }));
  }
  // Their bytes lie one behind the other.
  let at = 0;
  return [...pieces].map((piece) => {
    const size = piece.count * itemSize;
    at += size;
    const bytes = home.bytes.subarray(at - size, at);
    return { region: piece, home: { region: piece, bytes } };
  });
}
