import { counted } from '../core/counted.js';
import { formatBytes } from '../core/format-bytes.js';
import type { Value, ValueMap } from '../core/value.js';
import type { Told } from '../loop/chronicle.js';
import { formatDuration } from './duration.js';
import {
  fitted,
  formatMap,
  formatShape,
  formatValue,
  listOf,
  mapOf,
  numberOf,
  printable,
  quoted,
  textOf,
} from './format.js';
import { toJson } from './json.js';
import { schemasOf } from './looking/definitions-text.js';

const RECORD_WIDTH = 8;
const SECONDS_WIDTH = 12;
const WHO_WIDTH = 18;
/** Of attributes, and of the commands of processes: a line is for people. */
const DETAIL_WIDTH_MAX = 120;

/** Where something is told. */
export interface At {
  readonly number: number;
  readonly now: number;
}

/** What serves the talk of a client and its pool alone, and says nothing of objects. */
export function isTalk({ kind, what, answer }: Told): boolean {
  return kind === 'request' && (what === 'key' || what === 'ping') && answer?.outcome === 'ok';
}

/** One line for people. */
export function toldLine({ number, now }: At, told: Told): string {
  const { session, members, answer, kind } = told;
  const record = String(number).padStart(RECORD_WIDTH);
  const seconds = (now / 1_000).toFixed(3).padStart(SECONDS_WIDTH);
  const [first = '', ...others] = members;
  const more = others.length === 0 ? '' : `+${others.length}`;
  const who = session === 0 ? '' : `s${session} ${printable(first)}${more}`;
  const isAsked = kind === 'request' || kind === 'answer';
  const outcome = isAsked ? ` -> ${answer === null ? 'waits' : outcomeText(told)}` : '';
  const text = `${textOfTold(told)}${outcome}`;
  return `${record} ${seconds} s  ${who.padEnd(WHO_WIDTH)} ${text}`;
}

/** One line for programs. */
export function toldJson({ number, now }: At, told: Told): string {
  const { kind, session, members, request, what, asked, object, fields, answer } = told;
  const isAsked = kind === 'request' || kind === 'answer';
  return toJson({
    record: number,
    ms: now,
    kind,
    ...(session === 0 ? {} : { session, members }),
    ...(isAsked ? { request, what, object: object === '' ? null : object } : {}),
    ...(kind === 'answer' ? { asked: asked === 0 ? null : asked } : {}),
    ...(kind === 'answer' ? {} : { fields }),
    ...(isAsked ? { outcome: answer?.outcome ?? 'waits', answer: answer?.fields ?? null } : {}),
  });
}

function textOfTold(told: Told): string {
  const { kind, what, object, asked, fields } = told;
  const named = object === '' ? '' : ` ${quoted(object)}`;
  switch (kind) {
    case 'request':
      return `${what}${named}${detailsOf(told)}`;
    case 'answer': {
      const of = asked === 0 ? '' : ` of record ${asked}`;
      return `answer to ${what === '' ? 'a request' : what}${named}${of}`;
    }
    case 'session-opened': {
      const { command, pid, host } = fields;
      return `session opened: ${short(textOf(command))}, pid ${formatValue(pid)} on ${formatValue(host)}`;
    }
    case 'session-gone':
      return `session gone: ${printable(textOf(fields['why']))}`;
    case 'slab-ready':
      return `${slabText(fields)} is ready`;
    case 'slab-failed':
      return `${slabText(fields)} cannot be made: ${printable(textOf(fields['why']))}`;
    case 'adopted': {
      const { why } = fields;
      const end = why === null ? 'is a file that was adopted' : `not adopted: ${formatValue(why)}`;
      return `${slabText(fields)} ${end}`;
    }
    case 'transferred':
      return `transfer ${formatValue(fields['transfer'])} of an open object is done`;
    case 'stored':
      return fields['why'] === null
        ? 'bytes of an offer are in the store'
        : `bytes of an offer cannot be stored: ${printable(textOf(fields['why']))}`;
    case 'measured':
      return `${counted(numberOf(fields['measured']), 'slice')} measured`;
    case 'drain':
      return `the pool is to end: all have ${formatDuration(numberOf(fields['graceMs']))} to finish`;
    case 'restart':
      return restartText(fields);
    case 'tick':
      return 'the clock: what was due has ended';
  }
}

function slabText(fields: ValueMap): string {
  return `slab ${formatValue(fields['slab'])} of ${formatBytes(numberOf(fields['bytes']))}`;
}

function restartText(fields: ValueMap): string {
  const lost = listOf(fields['slabsLost']);
  const text = 'restart: another manager goes on';
  if (lost.length === 0) return text;
  const versions = numberOf(fields['versionsLost']);
  const bytes = formatBytes(numberOf(fields['bytesLost']));
  const slabs = counted(lost.length, 'slab');
  return `${text}; ${slabs} lost, and in them ${counted(versions, 'version')}, ${bytes}`;
}

/** What a request says beside its object. */
function detailsOf({ what, fields }: Told): string {
  const { bytes, source, slab, scope, deadlineMs, dtype, shape, attributes, tags } = fields;
  const parts: string[] = [];
  const add = (text: string): void => {
    if (text !== '' && text !== '-') parts.push(text);
  };
  if (source === 'message') add(`${formatBytes(numberOf(bytes))} in the message`);
  else if (source === 'nothing') add('a signal');
  else if (typeof bytes === 'number') {
    const where = typeof slab === 'number' ? ` in slab ${slab}` : '';
    add(`${formatBytes(bytes)}${where}`);
  }
  if (typeof fields['members'] === 'number') add(`of ${fields['members']}`);
  if (scope === 'pool') add('kept');
  if (typeof fields['lifetimeMs'] === 'number') add(`for ${formatDuration(fields['lifetimeMs'])}`);
  add(formatValue(dtype));
  add(formatShape(shape));
  add(short(formatMap(attributes)));
  add(short(formatMap(tags)));
  const removed = listOf(fields['removed']);
  if (removed.length > 0) add(short(`without ${removed.map(formatValue).join(' ')}`));
  if (deadlineMs === null) add('for ever');
  else if (typeof deadlineMs === 'number') add(`within ${formatDuration(deadlineMs)}`);
  if (fields['glob'] === true) add(quoted(textOf(fields['pattern'])));
  if (typeof fields['define'] === 'string')
    for (const text of definedParts(what, fields)) add(text);
  if (typeof fields['how'] === 'string') add(fields['how']);
  if (typeof fields['removes'] === 'boolean') add(short(gatheredText(fields)));
  else if (typeof fields['of'] === 'string') add(`of ${printable(fields['of'])}`);
  const selector = textOf(fields['selector']);
  if (selector !== '') add(`where ${short(selector)}`);
  if (typeof fields['by'] === 'string') add(`by ${printable(fields['by'])}`);
  if (fields['dry'] === true) add('to see what it would do');
  if (fields['force'] === true) add('by force');
  for (const name of ['handle', 'cancels', 'promise', 'key', 'file']) {
    const value: Value | undefined = fields[name];
    if (value !== undefined && name !== what) add(`${name} ${short(formatValue(value))}`);
  }
  return parts.length === 0 ? '' : ` ${parts.join(', ')}`;
}

/** What is defined, or asked for: `container "run42"`, and what it says. */
function definedParts(what: string, fields: ValueMap): readonly string[] {
  const kind = textOf(fields['define']);
  const name = textOf(fields['name']);
  if (what === 'definitions') return [name === '' ? `all ${kind}s` : `${kind} ${quoted(name)}`];
  const { definition } = fields;
  const lead = `${kind} ${quoted(name)}`;
  if (definition === null) return [lead, 'taken away'];
  const map = mapOf(definition);
  if (kind === 'schema') {
    const keys = listOf(map['attributes'] ?? map['maestro-attributes']);
    const version = `version ${short(formatValue(map['schema-version']))}`;
    return [lead, version, counted(keys.length, 'key')];
  }
  if (kind === 'collection') {
    const { selector = null } = map;
    return [lead, selector === null ? 'a list' : `where ${short(formatValue(selector))}`];
  }
  const schemas = schemasOf(map);
  const lifetimeMs = numberOf(map['lifetimeMs']);
  return [
    lead,
    short(formatMap(map['attributes'])),
    schemas.length === 0 ? '' : short(`schemas ${schemas.join(' ')}`),
    lifetimeMs === 0 ? '' : `for ${formatDuration(lifetimeMs)}`,
  ];
}

/** `"train" into .collections`. */
function gatheredText({ of, value, removes }: ValueMap): string {
  const text = typeof value === 'string' ? quoted(value) : formatValue(value);
  return `${text} ${removes === true ? 'out of' : 'into'} ${formatValue(of)}`;
}

function outcomeText({ what, answer }: Told): string {
  const fields = mapOf(answer?.fields);
  const outcome = answer?.outcome ?? '';
  if (outcome !== 'ok') return printable(outcome);
  const { version, bytes, slab } = fields;
  if (typeof version === 'number') return `version ${version}, ${formatBytes(numberOf(bytes))}`;
  if (what === 'lease' && typeof slab === 'number') {
    return `${formatBytes(numberOf(bytes))} in slab ${slab}`;
  }
  const withdrawn = listOf(fields['withdrawn']);
  if (withdrawn.length === 0) return 'ok';
  return `ok, withdrew ${short(withdrawn.map((name) => quoted(textOf(name))).join(' '))}`;
}

/** Printable, and not longer than a line takes. */
function short(text: string): string {
  return fitted(printable(text), DETAIL_WIDTH_MAX);
}
