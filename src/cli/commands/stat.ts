import { defineCommand } from '../command.js';
import { Failures } from '../failures.js';
import { styleFor } from '../format.js';
import { toJson } from '../json.js';
import { statText } from '../looking/stat-text.js';
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
          print(`${first ? '' : '\n'}${statText(answer.value, style.bold)}`);
          first = false;
        }
      }
    }
    return failures.end();
  },
});
