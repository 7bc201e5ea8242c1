import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import {
  checkDirectory,
  type Finding,
  isDamage,
  QUARANTINE,
  repairDirectory,
} from '../../levels/store/index.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, say } from '../output.js';

const WORDS: { readonly [kind in Finding['kind']]: string } = {
  'bad-store-file': 'damaged: its packs say what was in it',
  'bad-header': 'its header is damaged',
  'cut-pack': 'lost: the rest of it was cut off',
  'lost-pack': 'lost: the whole pack is gone',
  'no-footer': 'it has no index: it is being written, or its writer was killed',
  gap: 'damaged: bytes that are no record',
  torn: 'a write that was cut off',
  'torn-tail': 'a write that was cut off',
  'damaged-object': 'damaged',
  'damaged-heads': 'its index is damaged',
  'damaged-array': 'damaged',
  'damaged-metadata': 'what it says of the array is not so',
  'unlisted-array': 'an array that belongs to no object',
  draft: 'a draft that was never finished',
};

export const command = defineCommand({
  usage: ['DIR', 'DIR --repair'],
  about: `
    Reads all that is kept in the store in DIR and compares it with its checksums. Tells what is
    damaged, by name and place, and what a crash has left. A store may be checked while it is
    written to.

    With --repair packs get their indexes again, what was cut off goes, and damaged bytes are moved to
    DIR/${QUARANTINE}: their objects are no longer there, all others are as they were.`,
  options: {
    repair: { type: 'boolean', help: 'put it right; nobody may write to the store meanwhile' },
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca fsck archive', 'check'],
    ['attacca fsck archive --repair', 'and put right'],
    ["attacca fsck archive --json | jq -r 'select(.name).name'", 'names of what is damaged'],
  ],
  exits: [['1', 'something is damaged, or was before it was repaired']],
  async run({ signal }, { options, words }) {
    const [directory, ...more] = words;
    if (directory === undefined || more.length > 0) throw new UsageError('it takes one DIR');
    const check = options.repair ? repairDirectory : checkDirectory;
    const { packs, objects, bytes, findings } = await check(directory, { signal });
    for (const finding of findings) {
      print(options.json ? jsonOf(finding, options.repair) : textOf(finding));
    }
    const damage = findings.filter(isDamage).length;
    if (!options.json && !options.quiet) {
      const all = `${counted(objects, 'object')}, ${formatBytes(bytes)}`;
      const state = damage === 0 ? 'nothing is damaged' : `${damage} damaged`;
      say(`${all} in ${counted(packs, 'pack')} and arrays: ${state}${endOf(options, findings)}`);
    }
    return damage === 0 ? EXIT.ok : EXIT.failed;
  },
});

function endOf({ repair }: { readonly repair: boolean }, findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  if (repair) return '; put right';
  const isLost = findings.some(isDamage);
  return isLost
    ? '; --repair puts it right'
    : '; what a writer has left, or does just now, is listed';
}

function textOf({ kind, path, offset, bytes, name, version }: Finding): string {
  const where = bytes > 0 ? `${path}, bytes ${offset} to ${offset + bytes}` : path;
  const what = name === undefined || name === '' ? '' : `${quoted(name)} version ${version}, `;
  return `${printable(where)}: ${what}${WORDS[kind]}`;
}

function jsonOf({ text: _, ...finding }: Finding, isRepaired: boolean): string {
  return toJson({ ...finding, damage: isDamage(finding), repaired: isRepaired });
}
