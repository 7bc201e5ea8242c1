import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS } from '../options.js';
import { print } from '../output.js';
import { VERSION } from '../version.js';

export const command = defineCommand({
  usage: [''],
  about: 'Prints the version of this program and of the Node that runs it.',
  options: COMMON_OPTIONS,
  examples: [],
  async run(_context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    const node = process.version;
    print(options.json ? toJson({ version: VERSION, node }) : `attacca ${VERSION} (node ${node})`);
    return EXIT.ok;
  },
});
