import { Reader } from '../core/bytes.js';
import type { Region } from '../core/regions/region.js';
import { readRegion } from '../core/regions/region-codec.js';
import { spaceAt } from '../core/space.js';
import type { Value } from '../core/value.js';
import { EXACT, readMap } from '../core/value-codec.js';
import {
  Deliver,
  DeliveredPart,
  Grant,
  MESSAGE,
  type Messages,
  Opened,
  Parts,
  readBye,
  readDeliver,
  readFail,
  readGrant,
  readOpened,
  readPart,
  readParts,
  readValueAnswer,
  readWelcome,
  SOURCE,
} from '../protocol/index.js';
import type { Expected, MPart, Payload, Range } from './oracle-state.js';
import { textOf } from './values.js';
import { must, type Onlooker } from './violation.js';

/** What a request was answered, as its client sees it. */
export type Answer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fail'; readonly code: string; readonly message: string }
  | { readonly kind: 'welcome'; readonly name: string }
  | { readonly kind: 'bye'; readonly names: readonly string[] }
  | { readonly kind: 'grant'; readonly range: Range }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'opened'; readonly version: number; readonly consistency: number }
  | {
      readonly kind: 'deliver';
      readonly version: number;
      readonly source: number;
      readonly space: unknown;
      readonly attributes: Value;
      /** Of source inline, else null. */
      readonly inline: Uint8Array | null;
      /** Of source slice and given, else null. */
      readonly range: Range | null;
      /** Of source parts. */
      readonly parts: readonly ToldPart[];
    };

/** A part, as PARTS tells of it. */
export interface ToldPart {
  readonly region: Region;
  readonly inline: Uint8Array | null;
  readonly range: Range | null;
}

export const OK: Answer = { kind: 'ok' };
const NO_BYTES = new Uint8Array(0);

const grant = new Grant();
const deliver = new Deliver();

/** Of a shape that PARTS does not tell. */
const ANY_LENGTH = [Number.MAX_SAFE_INTEGER];

/** Reads a PARTS, whose DELIVER is still to come. */
export function readTold(messages: Messages): { request: number; parts: ToldPart[] } {
  const r = messages.reader;
  const told = new Parts();
  readParts(r, told);
  const parts: ToldPart[] = [];
  for (let count = told.count; count > 0; count--) {
    const part = new DeliveredPart();
    readPart(r, part);
    const region = readRegion(
      new Reader(r.bytes.slice(part.regionStart, part.regionEnd)),
      ANY_LENGTH,
    );
    const isInline = part.source === SOURCE.inline;
    const { slab, offset, size } = part;
    parts.push({
      region,
      inline: isInline ? r.bytes.slice(part.payloadStart, part.payloadEnd) : null,
      range: part.source === SOURCE.slice ? { slab, offset, size } : null,
    });
  }
  return { request: told.request, parts };
}

/** Reads an answer to one request: any but OK, which answers many, and what is no answer. */
export function readAnswer(
  messages: Messages,
  told: (request: number) => readonly ToldPart[],
): { request: number; answer: Answer } | null {
  const r = messages.reader;
  switch (messages.code) {
    case MESSAGE.fail: {
      const { request, code, message } = readFail(r);
      return { request, answer: { kind: 'fail', code, message } };
    }
    case MESSAGE.welcome: {
      const { request, name } = readWelcome(r);
      return { request, answer: { kind: 'welcome', name } };
    }
    case MESSAGE.bye: {
      const { request, names } = readBye(r);
      return { request, answer: { kind: 'bye', names } };
    }
    case MESSAGE.grant: {
      readGrant(r, grant);
      const { request, slab, offset, size } = grant;
      return { request, answer: { kind: 'grant', range: { slab, offset, size } } };
    }
    case MESSAGE.value: {
      const { request, value } = readValueAnswer(r, true);
      return { request, answer: { kind: 'value', value } };
    }
    case MESSAGE.opened: {
      const opened = new Opened();
      readOpened(r, opened);
      const { request, version, consistency } = opened;
      return { request, answer: { kind: 'opened', version, consistency } };
    }
    case MESSAGE.deliver:
      return readDelivery(messages, told);
    default:
      return null;
  }
}

function readDelivery(
  messages: Messages,
  told: (request: number) => readonly ToldPart[],
): { request: number; answer: Answer } {
  const r = messages.reader;
  const { bytes } = r;
  readDeliver(r, deliver);
  const { request, version, source, slab, offset, size } = deliver;
  const space = spaceAt(bytes, deliver.spaceStart);
  r.at = deliver.attributesStart;
  const attributes = readMap(r, EXACT);
  const isInline = source === SOURCE.inline;
  const inline = isInline ? bytes.slice(deliver.payloadStart, deliver.payloadEnd) : null;
  const inSlab = source === SOURCE.slice || source === SOURCE.given;
  const range = inSlab ? { slab, offset, size } : null;
  const answer: Answer = {
    kind: 'deliver',
    version,
    source,
    space,
    attributes,
    inline,
    range,
    parts: source === SOURCE.parts ? told(request) : [],
  };
  return { request, answer };
}

/** Holds an answer against what the model says, by the rules that are looked at. */
export function compare(
  words: string,
  expected: Expected,
  answer: Answer,
  looksAt: (rule: Onlooker) => boolean,
): void {
  if (expected.kind === 'found' && answer.kind === 'value') {
    const fault = expected.faults(answer.value).find(({ rule }) => looksAt(rule));
    must(fault === undefined, fault?.rule ?? 'answers', () => `${words}: ${fault?.words}`);
  } else if (looksAt('answers') || looksAt('I2 messages')) compareOne(words, expected, answer);
}

/** What was held is done when it is let go, and not when it is not. */
export function compareHeld(
  words: string,
  expected: Expected,
  answer: Answer,
  looksAt: (rule: Onlooker) => boolean,
): void {
  if (!looksAt('G5 holds')) return;
  const codeOf = (one: { readonly kind: string; readonly code?: string }): string =>
    one.code ?? (one.kind === 'fail' ? 'fail' : 'done');
  const [meant, found] = [codeOf(expected), codeOf(answer)];
  must(meant === found, 'G5 holds', () => `${words}, which was held: ${found}, not ${meant}`);
}

/** What a standing require has kept is handed over as it was offered. */
export function compareTaken(
  words: string,
  expected: Expected,
  answer: Answer,
  looksAt: (rule: Onlooker) => boolean,
): void {
  if (!looksAt('G5 stand') || expected.kind !== 'deliver') return;
  const what = answer.kind === 'fail' ? answer.code : answer.kind;
  must(answer.kind === 'deliver', 'G5 stand', () => `${words}: ${what}, not what was required`);
  if (expected.source !== 1) return;
  const [content = NOTHING] = contentsOf(expected);
  const isSame = answer.inline !== null && textOf(answer.inline) === textOf(content);
  must(isSame, 'G5 stand', () => `${words}: other bytes than were offered`);
}

const NOTHING = new Uint8Array(0);

function compareOne(words: string, expected: Expected, answer: Answer): void {
  const found = answer.kind === 'fail' ? `fail ${answer.code} (${answer.message})` : answer.kind;
  const meant = expected.kind === 'fail' ? `fail ${expected.code}` : expected.kind;
  const agree = (holds: boolean, what: () => string): void =>
    must(holds, 'answers', () => `${words}: ${what()}`);
  agree(expected.kind === answer.kind, () => `${found}, not ${meant}`);
  if (expected.kind === 'fail' && answer.kind === 'fail') {
    agree(expected.code === answer.code, () => `${found}, not ${meant}`);
  } else if (expected.kind === 'welcome' && answer.kind === 'welcome') {
    agree(expected.name === answer.name, () => `"${answer.name}", not "${expected.name}"`);
  } else if (expected.kind === 'bye' && answer.kind === 'bye') {
    const names = textOf([...answer.names].sort());
    const meantNames = textOf([...expected.names].sort());
    agree(names === meantNames, () => `withdrawn ${names}, not ${meantNames}`);
  } else if (expected.kind === 'value' && answer.kind === 'value') {
    compareValue(agree, expected.value, answer.value);
  } else if (expected.kind === 'opened' && answer.kind === 'opened') {
    const { number } = expected.version;
    agree(number === answer.version, () => `version ${answer.version}, not ${number}`);
  } else if (expected.kind === 'deliver' && answer.kind === 'deliver') {
    const { version, source, attributes } = expected;
    agree(version.number === answer.version, () => `version ${answer.version}`);
    agree(source === answer.source, () => `source ${answer.source}, not ${source}`);
    const { dtype } = version;
    const { length } = expected;
    const space = { dtype, shape: [length], order: 'row', byteOrder: 'little' };
    agree(textOf(space) === textOf(answer.space), () => `space ${textOf(answer.space)}`);
    const meantAttributes = textOf(Object.fromEntries(attributes));
    agree(meantAttributes === textOf(answer.attributes), () => `attributes ${meantAttributes}`);
    if (expected.source === SOURCE.parts) compareParts(agree, words, expected.parts, answer.parts);
    else comparePayload(words, version.payload, answer);
  }
}

/** What stands for the bytes of a DELIVER: of each part, or of the whole. */
export function contentsOf(expected: Expected): readonly Uint8Array[] {
  if (expected.kind !== 'deliver' || expected.source === SOURCE.nothing) return [];
  const { source, version, parts } = expected;
  const payloads = source === SOURCE.parts ? parts.map((part) => part.payload) : [version.payload];
  return payloads.map((payload) => (payload.kind === 'nothing' ? NO_BYTES : payload.content));
}

/** The parts that are due, in the order of their offers, with their places and bytes. */
function compareParts(
  agree: Agree,
  words: string,
  expected: readonly MPart[],
  found: readonly ToldPart[],
): void {
  agree(expected.length === found.length, () => `${found.length} parts, not ${expected.length}`);
  for (const [at, { places, payload }] of expected.entries()) {
    const part = found[at];
    const told = part?.region.boxes[0]?.[0]?.toIndices() ?? [];
    agree(textOf([...told]) === textOf([...places]), () => `elements ${textOf([...told])}`);
    const isWhole = payload.kind === 'slice' && part?.range?.size === payload.size;
    const inline = part?.inline ?? new Uint8Array();
    const isSame = payload.kind === 'inline' && equal(inline, payload.content);
    must(isWhole || isSame, 'I2 messages', () => `${words}: other bytes than a part has`);
  }
}

/** Bytes in a slab are looked at by who reads them. */
function comparePayload(
  words: string,
  payload: Payload,
  { source, inline, range }: Extract<Answer, { kind: 'deliver' }>,
): void {
  if (source === SOURCE.nothing) return;
  const isWhole = payload.kind === 'slice' && range?.size === payload.size;
  const isSame = payload.kind === 'inline' && inline !== null && equal(inline, payload.content);
  must(isWhole || isSame, 'I2 messages', () => `${words}: other bytes than were offered`);
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** Maps of which the model knows some fields. */
const IN_PART: ReadonlySet<string> = new Set(['counts', 'offered']);

type Agree = (holds: boolean, what: () => string) => void;

/** Fields that the model does not foresee (times, sizes of tables, some counts) are left alone. */
function compareValue(agree: Agree, expected: unknown, found: Value): void {
  const known = expected as { readonly [key: string]: unknown };
  const names = (list: readonly Value[]): unknown[] =>
    list.map((each) => (each as { readonly [key: string]: Value })['name']).sort();
  const all = (Array.isArray(found) ? { members: names(found) } : found) as {
    readonly [key: string]: unknown;
  };
  for (const [key, meant] of Object.entries(known)) {
    const has = IN_PART.has(key) ? within(meant, all[key]) : all[key];
    const words = (): string => `"${key}" is ${textOf(has)}, not ${textOf(meant)}`;
    agree(textOf(has) === textOf(meant), words);
  }
}

/** Of a map, the fields that are meant. */
function within(meant: unknown, found: unknown): unknown {
  if (!isMap(meant) || !isMap(found)) return found;
  return Object.fromEntries(Object.keys(meant).map((key) => [key, found[key]]));
}

function isMap(value: unknown): value is { readonly [key: string]: unknown } {
  if (value === null || typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
