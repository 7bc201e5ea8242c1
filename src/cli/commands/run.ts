import { defineCommand } from '../command.js';
import { EXIT } from '../exit.js';
import { COMMON_OPTIONS } from '../options.js';

export const command = defineCommand({
  usage: [''],
  about: '',
  options: COMMON_OPTIONS,
  examples: [],
  async run() {
    return EXIT.failed;
  },
});
