import type { Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { VALUE_TYPE, type Value } from '../core/value.js';
import { writeValue } from '../core/value-codec.js';
import {
  ANSWER_DEPTH_MAX,
  beginValueAnswer,
  type Count,
  DETAIL,
  endMessage,
  type Query,
} from '../protocol/index.js';
import { emit } from './emit.js';
import { stat } from './looking.js';
import { OBJECT, VERSION } from './rows.js';
import { nextOf, WORK_MAX } from './searching.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** Bytes of rows in one answer: a quarter of what a frame carries. */
const ROWS_BYTES_MAX = 1 << 20;

/** QUERY: a page of what is selected, in the order of rows. */
export function query(pool: PoolState, session: Session, request: number, message: Query): void {
  const { search, from } = pool.searching.open(message);
  const limit = pageOf(message.limit);
  const answer = new RowsAnswer(pool, emit(pool, session), request, message.detail);
  const next = search.rows(
    from,
    (row) => {
      answer.add(row);
      return answer.count < limit && !answer.isFull;
    },
    WORK_MAX,
  );
  answer.end(nextOf(next));
}

/** COUNT: how many are selected, or of them so many as one answer has time for. */
export function count(pool: PoolState, message: Count): Value {
  const { search, from } = pool.searching.open(message);
  if (from === 0 && search.countKnown >= 0) return { count: search.countKnown, next: null };
  const few = search.few();
  if (few !== null) {
    return { count: few.filter((row) => row >= from).length, next: null };
  }
  let counted = 0;
  let next = from;
  do {
    next = search.part(next, (rows) => {
      counted += rows.count();
    });
  } while (next >= 0 && search.work <= WORK_MAX);
  return { count: counted, next: nextOf(next) };
}

/** How many rows a page has at most. */
export function pageOf(limit: number): number {
  return limit === 0 ? LIMITS.listPageMax : Math.min(limit, LIMITS.listPageMax);
}

/** VALUE with a list `objects`, which is written row by row, and `next`. */
export class RowsAnswer {
  count = 0;
  readonly #pool: PoolState;
  readonly #out: Writer;
  readonly #detail: number;
  readonly #start: number;
  readonly #fieldsAt: number;
  readonly #countAt: number;

  constructor(pool: PoolState, out: Writer, request: number, detail: number) {
    this.#pool = pool;
    this.#out = out;
    this.#detail = detail;
    this.#start = beginValueAnswer(out, request);
    out.u8(VALUE_TYPE.map);
    this.#fieldsAt = out.at;
    out.u32(2);
    out.text('objects');
    out.u8(VALUE_TYPE.list);
    this.#countAt = out.at;
    out.u32(0);
  }

  /** Whether no more rows should be added. */
  get isFull(): boolean {
    return this.#out.at - this.#start > ROWS_BYTES_MAX;
  }

  add(object: number): void {
    this.count++;
    writeRow(this.#pool, this.#out, object, this.#detail);
  }

  /** With the value by which it was sorted; null where it has none. */
  addSorted(object: number, value: Value): void {
    const out = this.#out;
    this.count++;
    out.u8(VALUE_TYPE.map);
    out.u32(2);
    out.text('key');
    writeValue(out, value);
    out.text('object');
    writeRow(this.#pool, out, object, this.#detail);
  }

  /** `isCut`: whether rows of this part were left out, behind the last of those that are there. */
  end(next: string | null, isCut?: boolean): void {
    const out = this.#out;
    out.patchU32(this.#countAt, this.count);
    out.text('next');
    writeValue(out, next);
    if (isCut !== undefined) {
      out.patchU32(this.#fieldsAt, 3);
      out.text('cut');
      writeValue(out, isCut);
    }
    endMessage(out, this.#start);
  }
}

/** What a page says of an object, as a value. */
function writeRow(pool: PoolState, out: Writer, object: number, detail: number): void {
  if (detail === DETAIL.stat) {
    writeValue(out, stat(pool, object), ANSWER_DEPTH_MAX);
    return;
  }
  if (detail === DETAIL.name) {
    writeName(pool, out, object);
    return;
  }
  out.u8(VALUE_TYPE.map);
  out.u32(2);
  out.text('name');
  writeName(pool, out, object);
  out.text('attributes');
  out.u8(VALUE_TYPE.map);
  const { attributes, objects, versions } = pool;
  const current = objects.get(object, OBJECT.current);
  const said = current === 0 ? 0 : versions.get(current, VERSION.attributes);
  attributes.writeMap(out, said, objects.get(object, OBJECT.tags));
}

function writeName({ objects, arena }: PoolState, out: Writer, object: number): void {
  const record = objects.get(object, OBJECT.name);
  const start = arena.start(record);
  const size = arena.size(record);
  out.u8(VALUE_TYPE.string);
  out.u32(size);
  out.rawRange(arena.chunk(record), start, start + size);
}
