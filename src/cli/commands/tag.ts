import type { ChangeOptions } from '../../client/selecting.js';
import { parseAttributes } from '../attribute.js';
import { CHANGE_OPTIONS, change, chosenToChange } from '../changing.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { UsageError } from '../exit.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { joinPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['NAME... --set KEY=VALUE...', '--where SELECTOR --set KEY=VALUE...'],
  about: `
    Adds tags to objects, or replaces them. A tag is found as an attribute is, and hides the attribute
    of the same key; unlike that it is no part of a version and can be changed at any time. - stands
    for names on standard input, one a line.`,
  options: {
    set: {
      type: 'string',
      short: 's',
      multiple: true,
      value: 'KEY=VALUE',
      help: 'a tag, in the notation of put -a: KEY=VALUE, or KEY:TYPE=VALUE for int, float, bool, str, time, json, hex',
    },
    ...CHANGE_OPTIONS,
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca tag t/850/step=6 --set quality=good --set checked=true', 'two tags'],
    ['attacca tag -w \'param = "t" and step < 6\' -s spin-up=true', 'all that are selected'],
  ],
  async run(context, { options, words }) {
    if (options.set.length === 0) throw new UsageError('it needs "--set KEY=VALUE"');
    const tags = parseAttributes(options.set, '--set');
    const timeoutMs = parseTimeout(options.timeout);
    const chosen = await chosenToChange(words, options);
    const { signal } = context;
    const { session } = await joinPool(context, options);
    await using _session = session;
    const { view } = session;
    const how = {
      verb: 'tag',
      past: 'tagged',
      one: (name: string) => view.tag(name, tags, { timeoutMs, signal }),
      all: (selector: string, changing: ChangeOptions) =>
        view.tagSelected(selector, tags, { ...changing, timeoutMs }),
    } as const;
    return await change(context, session, options, { chosen, how });
  },
});
