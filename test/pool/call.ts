import assert from 'node:assert/strict';
import type { ErrorCode } from '../../src/core/errors.js';
import { Float, type Value } from '../../src/core/value.js';
import type { AnyRegion } from '../protocol/any-region.js';
import type { AnyMessage } from '../protocol/decode-any.js';
import { checkDocumented } from '../protocol/documented-errors.js';
import type { Client } from './harness.js';

type Of<K extends AnyMessage['kind']> = Extract<AnyMessage, { kind: K }>;

export type Answer =
  | Of<'ok'>
  | Of<'fail'>
  | Of<'welcome'>
  | Of<'bye'>
  | Of<'deliver'>
  | Of<'grant'>
  | Of<'value'>
  | Of<'opened'>;

/** A slice of a slab. */
export interface Slice {
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

/** Maps of the wire have no prototype, whole floats are wrapped: as a test would write them. */
export function plain(value: Value): Value {
  if (value instanceof Float) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  if (Object.getPrototypeOf(value) !== null) return value;
  const entries = Object.entries(value as { [key: string]: Value });
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}

/** One request, and what became of it. */
export class Call {
  readonly client: Client;
  readonly number: number;

  constructor(client: Client, number: number) {
    this.client = client;
    this.number = number;
  }

  get answer(): Answer | null {
    return this.client.answers.get(this.number) ?? null;
  }

  /** Checks that it still waits. */
  waits(): this {
    assert.equal(this.answer, null, `request ${this.number} waits`);
    return this;
  }

  /** Checks that it has succeeded. */
  ok(): this {
    this.#is('ok');
    return this;
  }

  /** Checks that it has failed so, and with the fields that the specification says. */
  fails(code: ErrorCode): { fields: { [key: string]: Value }; message: string } {
    const answer = this.#is('fail');
    assert.equal(answer.code, code, answer.message);
    const fields = plain(answer.fields) as { [key: string]: Value };
    checkDocumented(code, fields);
    return { fields, message: answer.message };
  }

  welcome(): Of<'welcome'> {
    return this.#is('welcome');
  }

  bye(): string[] {
    return [...this.#is('bye').names];
  }

  grant(): Slice {
    const { slab, offset, size } = this.#is('grant');
    return { slab, offset, size };
  }

  opened(): Of<'opened'> {
    return this.#is('opened');
  }

  value(): { [key: string]: Value } {
    return plain(this.#is('value').value) as { [key: string]: Value };
  }

  /** As {@link value}, with the types of the wire. */
  raw(): Value {
    return this.#is('value').value;
  }

  /** As {@link value}, of a list. */
  values(): readonly Value[] {
    return this.value() as unknown as readonly Value[];
  }

  delivered(): Of<'deliver'> {
    return this.#is('deliver');
  }

  /** The bytes that were delivered, as they are now. */
  bytes(): Uint8Array | null {
    const { payload } = this.delivered();
    if (payload === null || payload instanceof Uint8Array) return payload;
    return bytesOf(this.client, payload);
  }

  /** The parts that were delivered: bytes, by the region of each as it is on the wire. */
  parts(): (readonly [region: AnyRegion, bytes: Uint8Array])[] {
    const { parts } = this.delivered();
    const told = this.client.parts.get(this.number) ?? [];
    assert.equal(told.length, parts, 'all parts are told before the delivery');
    return told.map(({ region, payload }) => {
      const isHere = payload === null || payload instanceof Uint8Array;
      return [region, isHere ? (payload ?? new Uint8Array()) : bytesOf(this.client, payload)];
    });
  }

  /** What was delivered, as text. */
  text(): string {
    return Buffer.from(this.bytes() ?? new Uint8Array()).toString();
  }

  #is<K extends Answer['kind']>(kind: K): Of<K> {
    const answer = this.answer;
    assert.ok(answer !== null, `request ${this.number} is answered`);
    const words = answer.kind === 'fail' ? `${answer.code}: ${answer.message}` : answer.kind;
    assert.equal(answer.kind, kind, `request ${this.number}: ${words}`);
    return answer as Of<K>;
  }
}

/** The bytes of a slice, not copied. */
export function bytesOf(client: Client, slice: Slice): Uint8Array {
  const slab = client.harness.slabs.get(slice.slab);
  assert.ok(slab !== undefined, `slab ${slice.slab} is there`);
  return slab.subarray(slice.offset, slice.offset + slice.size);
}
