import type { PoolEvent } from '../client/events/event.js';
import { isPoolKind } from '../client/events/options.js';
import { printable, quoted } from './format.js';
import { formatTimestamp, toJson } from './json.js';

/** An event for people. */
export function eventLine(event: PoolEvent): string {
  const { seq, kind, when, member, queue, to, name, version, missed, time } = event;
  if (missed !== null) return `${missed.from}..${missed.to} are not kept any more`;
  const shown = printable(when === 'before' ? `before ${kind}` : kind);
  const words = [String(seq), formatTimestamp(time), shown];
  if (name !== '') words.push(quoted(name) + (version === 0 ? '' : ` version ${version}`));
  if (to !== '') words.push(`to ${printable(to)}`);
  if (member !== '' && member !== name) words.push(`by ${printable(member)}`);
  if (queue !== '') words.push(`by the queue ${quoted(queue)}`);
  const said = isPoolKind(kind) ? '' : toJson(event.attributes);
  if (said !== '' && said !== '{}') words.push(said);
  if (event.isSnapshot) words.push('(was there)');
  if (event.isAgain) words.push('(again)');
  return words.join('  ');
}
