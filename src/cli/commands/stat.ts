import type { ValueMap } from '../../core/value.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { defineCommand } from '../command.js';
import { Failures } from '../failures.js';
import { formatMap, formatShape, formatValue, printable, styleFor, textOf } from '../format.js';
import { toJson } from '../json.js';
import { NULL_OPTION, someNames } from '../names.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';

/** Asked for in one breath, and printed in order. */
const NAMES_AT_ONCE = 1_024;

export const command = defineCommand({
  usage: ['NAME...'],
  about: `
    Prints what the pool knows of each object: its state and version, space, attributes and tags, who
    provides it, who requires and reads it. Does not wait: an object that nobody has named yet is a
    failure. - stands for names on standard input, one a line.`,
  options: { ...NULL_OPTION, ...POOL_OPTION, ...COMMON_OPTIONS },
  examples: [
    ['attacca stat t/850/step=6', 'one object'],
    ["attacca ls 't/*' | attacca stat - --json | jq .attributes.level", 'many'],
  ],
  async run(context, { options, words }) {
    const names = await someNames(words, options);
    await using session = await openPool(context, options);
    const failures = new Failures(context.command, options.json);
    const style = styleFor(stdoutIsTerminal(), context.environment);
    let first = true;
    for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
      const part = names.slice(at, at + NAMES_AT_ONCE);
      const asked = await Promise.allSettled(part.map((name) => session.view.stat(name)));
      context.signal.throwIfAborted();
      for (const answer of asked) {
        if (answer.status === 'rejected') failures.add(answer.reason);
        else if (options.json) print(toJson(answer.value));
        else {
          print(`${first ? '' : '\n'}${describe(answer.value, style.bold)}`);
          first = false;
        }
      }
    }
    return failures.end();
  },
});

function describe(stat: ValueMap, bold: (text: string) => string): string {
  const lines = [bold(printable(textOf(stat['name'])))];
  const add = (label: string, text: string): void => {
    if (text !== '' && text !== '-') lines.push(`  ${label.padEnd(11)} ${text}`);
  };
  const version = stat['version'];
  const of = stat['versions'];
  add('state', formatValue(stat['state']));
  if (typeof version === 'number')
    add('version', version === of ? `${version}` : `${version} of ${of}`);
  const bytes = stat['bytes'];
  if (typeof bytes === 'number') {
    add('bytes', bytes < 1024 ? `${bytes}` : `${bytes} (${formatBytes(bytes)})`);
    const order = stat['order'] === 'column' ? ', column major' : '';
    const endian = stat['byteOrder'] === 'big' ? ', big-endian' : '';
    add('space', `${formatValue(stat['dtype'])}, ${formatShape(stat['shape'])}${order}${endian}`);
    const scope = stat['scope'] === 'pool' ? 'kept by the pool' : 'until its provider leaves';
    add('provider', `${formatValue(stat['provider'])} (${scope})`);
    add('bytes in', formatValue(stat['level']));
  }
  add('attributes', formatMap(stat['attributes']));
  add('tags', formatMap(stat['tags']));
  for (const label of ['requires', 'readers', 'handles']) add(label, formatValue(stat[label]));
  return lines.join('\n');
}
