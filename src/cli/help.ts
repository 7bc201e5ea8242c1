import { CATALOG, type CatalogEntry } from './catalog.js';
import type { Command } from './command.js';
import { EXIT, EXIT_MEANINGS } from './exit.js';
import type { Style } from './format.js';
import { COMMON_OPTIONS, type OptionSpec } from './options.js';

const WIDTH = 88;
/** Not of commands that never wait. */
const WAITED_IN_VAIN = String(EXIT.waitedInVain);

/** Two columns: what stands left, and its explanation, folded into the lines on the right. */
function columns(
  rows: readonly (readonly [left: string, right: string])[],
  leftMax = 30,
): string[] {
  const fitting = rows.map(([left]) => left.length).filter((length) => length <= leftMax);
  const width = Math.max(0, ...fitting);
  const lines: string[] = [];
  for (const [left, right] of rows) {
    const folded = fold(right, WIDTH - width - 4);
    const first = left.length > width ? [`  ${left}`] : [];
    const head = first.length > 0 ? ' '.repeat(width) : left.padEnd(width);
    lines.push(...first, `  ${head}  ${folded[0] ?? ''}`.trimEnd());
    for (const more of folded.slice(1)) lines.push(`  ${' '.repeat(width)}  ${more}`);
  }
  return lines;
}

function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** `attacca --help`: all commands in groups. */
export function overview(style: Style): string {
  const lines = [
    'Attacca hands named data objects from program to program, without files.',
    '',
    `${style.bold('Usage:')} attacca COMMAND [OPTIONS] [WORDS]`,
  ];
  for (const { title, entries } of CATALOG) {
    lines.push('', style.bold(title));
    lines.push(...columns(entries.map(({ name, summary }) => [name, summary])));
  }
  lines.push(
    '',
    ...fold(
      'A pool is found by --pool, else by $ATTACCA_POOL, which holds an address ' +
        '(unix:/path, tcp://host:port) or a name; $ATTACCA_CONNECT_MS says how long to wait for one ' +
        'that is not served yet. "attacca COMMAND --help" says more of each command, ' +
        'with examples.',
      WIDTH,
    ),
    '',
    style.bold('In a minute'),
    "  attacca run -- sh -c 'echo hello | attacca put --name greeting - && attacca get greeting'",
  );
  return lines.join('\n');
}

function optionLeft(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const value = spec.type === 'string' ? ` ${spec.value ?? 'VALUE'}` : '';
  return `${short}--${name}${value}`;
}

/** `attacca COMMAND --help`. */
export function commandHelp(entry: CatalogEntry, command: Command, style: Style): string {
  const summary = entry.summary.charAt(0).toUpperCase() + entry.summary.slice(1);
  const lines = [`${summary}.`, '', style.bold('Usage')];
  for (const usage of command.usage) lines.push(`  attacca ${entry.name} ${usage}`.trimEnd());
  for (const paragraph of command.about.split('\n\n')) {
    lines.push('', ...fold(paragraph.replace(/\s*\n\s*/gu, ' ').trim(), WIDTH));
  }
  const entries = Object.entries(command.options);
  const special = entries.filter(([name]) => !(name in COMMON_OPTIONS));
  const common = entries.filter(([name]) => name in COMMON_OPTIONS);
  const rows = [...special, ...common].map(
    ([name, spec]) => [optionLeft(name, spec), spec.help] as const,
  );
  lines.push('', style.bold('Options'), ...columns(rows));
  if (command.examples.length > 0) {
    lines.push('', style.bold('Examples'));
    for (const [example, comment] of command.examples) {
      lines.push(`  ${style.dim(`# ${comment}`)}`, `  ${example}`);
    }
  }
  const own = command.exits ?? [];
  const waits = 'timeout' in command.options;
  const general = EXIT_MEANINGS.filter(
    ([code]) => !own.some(([other]) => other === code) && (waits || code !== WAITED_IN_VAIN),
  );
  lines.push('', style.bold('Exit codes'), ...columns([...general, ...own]));
  return lines.join('\n');
}
