import { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { defineCommand } from '../command.js';
import { type Asked, cubeError, LOOKED_AT_MAX } from '../cube-names.js';
import { EXIT } from '../exit.js';
import { Failures } from '../failures.js';
import { styleFor } from '../format.js';
import { toJson } from '../json.js';
import { statText } from '../looking/stat-text.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';
import { chosenBy, NAMES_OPTIONS, sayUnknownKeys, selecting } from '../where.js';

/** Asked for in one breath, and printed in order. */
const NAMES_AT_ONCE = 1_024;

export const command = defineCommand({
  usage: ['NAME...', '--where SELECTOR'],
  about: `
    Prints what the pool knows of each object: its state and version, space, attributes and tags, who
    provides it, who requires and reads it. Does not wait: an object that nobody has named yet is a
    failure. - stands for names on standard input, one a line.`,
  options: { ...NAMES_OPTIONS, ...POOL_OPTION, ...COMMON_OPTIONS },
  examples: [
    ['attacca stat t/850/step=6', 'one object'],
    ['attacca stat -w \'param = "t"\' --json | jq .attributes.level', 'many'],
  ],
  async run(context, { options, words }) {
    const chosen = await chosenBy(words, options);
    await using session = await openPool(context, options);
    const { view } = session;
    const { signal } = context;
    const style = styleFor(stdoutIsTerminal(), context.environment);
    let first = true;
    const tell = (stat: ValueMap): void => {
      if (options.json) print(toJson(stat));
      else print(`${first ? '' : '\n'}${statText(stat, style.bold)}`);
      first = false;
    };
    if (chosen.kind === 'selector') {
      const { selector } = chosen;
      await selecting(selector, async () => {
        for await (const row of view.query(selector, { detail: 'all', signal })) tell(row);
        if (first) await sayUnknownKeys(view, selector, options);
      });
      return EXIT.ok;
    }
    const { names } = chosen;
    const failures = new Failures(context.command, options.json);
    for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
      const part = names.slice(at, at + NAMES_AT_ONCE);
      const asked = await Promise.allSettled(part.map((name) => view.stat(name)));
      signal.throwIfAborted();
      for (const [place, answer] of asked.entries()) {
        const name = part[place] as string;
        if (answer.status === 'fulfilled') tell(answer.value);
        else if (names.length > LOOKED_AT_MAX) failures.add(answer.reason);
        else failures.add((await cubeInstead(session, name, answer.reason)) ?? answer.reason);
      }
    }
    return failures.end();
  },
});

/** Of a name that no object has: that it is a cube. */
async function cubeInstead(session: Asked, name: string, error: unknown): Promise<unknown> {
  const isUnknown = error instanceof AttaccaError && error.code === 'unknown-object';
  return isUnknown ? await cubeError(session, 'stat', name) : null;
}
