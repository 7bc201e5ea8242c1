import type { ChangeOptions } from '../../client/selecting.js';
import { CHANGE_OPTIONS, change, chosenToChange } from '../changing.js';
import { defineCommand } from '../command.js';
import { UsageError } from '../exit.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { joinPool } from '../pool/open.js';

export const command = defineCommand({
  usage: ['NAME... --key KEY...', '--where SELECTOR --key KEY...'],
  about: `
    Removes tags of objects; one that an object does not have is no failure. What a tag has hidden,
    the attribute of the same key, is seen again. - stands for names on standard input, one a line.`,
  options: {
    key: {
      type: 'string',
      short: 'k',
      multiple: true,
      value: 'KEY',
      help: 'the tag that is removed; several times for several',
    },
    ...CHANGE_OPTIONS,
    ...POOL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca untag t/850/step=6 --key quality', 'one'],
    ["attacca untag -w 'has quality' -k quality", 'wherever it is'],
  ],
  async run(context, { options, words }) {
    const keys = options.key;
    if (keys.length === 0) throw new UsageError('it needs "--key KEY"');
    const chosen = await chosenToChange(words, options);
    const { session } = await joinPool(context, options);
    await using _session = session;
    const { view } = session;
    const how = {
      verb: 'untag',
      past: 'untagged',
      one: (name: string) => view.untag(name, ...keys),
      all: (selector: string, changing: ChangeOptions) =>
        view.untagSelected(selector, keys, changing),
    } as const;
    return await change(context, session, options, { chosen, how });
  },
});
