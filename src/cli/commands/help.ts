import { didYouMean } from '../../core/suggest.js';
import { commandNames, findCommand } from '../catalog.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { styleFor } from '../format.js';
import { commandHelp, overview } from '../help.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';

export const command = defineCommand({
  usage: ['[COMMAND]'],
  about: 'Without a COMMAND: all of them. With one: how it is called, its options, examples.',
  options: COMMON_OPTIONS,
  examples: [['attacca help get', 'the same as attacca get --help']],
  async run(context, { words }) {
    const style = styleFor(stdoutIsTerminal(), context.environment);
    const [name, ...more] = words;
    if (more.length > 0) throw new UsageError('it takes one COMMAND');
    if (name === undefined) {
      print(overview(style));
      return EXIT.ok;
    }
    const entry = findCommand(name);
    if (entry === null) {
      throw new UsageError(`there is no command "${name}".${didYouMean(name, commandNames())}`);
    }
    print(commandHelp(entry, (await entry.load()).command, style));
    return EXIT.ok;
  },
});
