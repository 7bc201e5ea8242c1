import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { styleFor } from '../format.js';
import { toJson } from '../json.js';
import { membersTable } from '../looking/members-table.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';

export const command = defineCommand({
  usage: [''],
  about: `
    Lists who has joined the pool: where it runs, since when, how many objects it offers and requires,
    the bytes it has offered and the memory it has leased and not offered yet.`,
  options: { ...POOL_OPTION, ...COMMON_OPTIONS },
  examples: [['attacca members --json', 'one JSON object a line']],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    await using session = await openPool(context, options);
    const members = await session.view.members();
    if (options.json) {
      for (const member of members) print(toJson(member));
      return EXIT.ok;
    }
    print(membersTable(members, styleFor(stdoutIsTerminal(), context.environment)));
    return EXIT.ok;
  },
});
