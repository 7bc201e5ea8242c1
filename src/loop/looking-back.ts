import { Writer } from '../core/bytes.js';
import type { Value } from '../core/value.js';
import { definitions } from '../pool/defining.js';
import { explainObject, explainPromised, explainWaits } from '../pool/explain.js';
import { info, isObject, members, objectNamed, stat } from '../pool/looking.js';
import type { PoolState } from '../pool/state.js';
import {
  DEFINITION,
  EXPLAIN,
  MESSAGE_HEADER_SIZE,
  readExplain,
  readStat,
  writeExplain,
  writeStat,
} from '../protocol/index.js';

/** Asks a pool that nobody serves what its sessions may ask, in the same words. */
export class LookingBack {
  readonly #pool: PoolState;
  readonly #request = new Writer();

  constructor(pool: PoolState) {
    this.#pool = pool;
  }

  /** Pool time, in ms. */
  get now(): number {
    return this.#pool.now;
  }

  info(): Value {
    return info(this.#pool);
  }

  members(): Value {
    return members(this.#pool);
  }

  waits(): Value {
    return explainWaits(this.#pool);
  }

  /** What is defined of a kind, and how many objects are in it. */
  definitions(kind: keyof typeof DEFINITION): Value {
    return definitions(this.#pool, { kind: DEFINITION[kind], name: '' });
  }

  /** All objects, in the order of the pool's rows, as of `stat`. */
  *objects(): Generator<Value> {
    const pool = this.#pool;
    for (let object = 1; object < pool.objects.end; object++) {
      if (isObject(pool, object)) yield stat(pool, object);
    }
  }

  /** `unknown-object` when there is none of that name. */
  stat(name: string): Value {
    const { decoder, reader } = this.#pool;
    this.#read((w) => writeStat(w, name));
    readStat(reader, decoder.stat);
    const { nameStart, nameEnd } = decoder.stat;
    return stat(this.#pool, objectNamed(this.#pool, nameStart, nameEnd));
  }

  /** `unknown-object` when nobody has named or promised it. */
  explain(name: string): Value {
    const { decoder, reader } = this.#pool;
    this.#read((w) => writeExplain(w, EXPLAIN.name, name));
    readExplain(reader, decoder.explain);
    const { nameStart, nameEnd } = decoder.explain;
    const promised = explainPromised(this.#pool, reader.bytes.subarray(nameStart, nameEnd));
    return promised ?? explainObject(this.#pool, objectNamed(this.#pool, nameStart, nameEnd));
  }

  /** Stands the pool's reader on the body of a request. */
  #read(write: (w: Writer) => void): void {
    const w = this.#request;
    w.reset();
    write(w);
    this.#pool.reader.reset(w.bytes, MESSAGE_HEADER_SIZE, w.at);
  }
}
