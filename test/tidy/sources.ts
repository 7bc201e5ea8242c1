import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { blank } from './blank.js';

export const ROOT = resolve(import.meta.dirname, '../../..');

/** A source file: its path from the root, with slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** The text with spaces for what stands in comments, strings and regular expressions. */
  readonly code: string;
}

const LEFT_OUT = new Set(['node_modules', 'dist', '__pycache__', '.rivals']);

function filesBelow(folder: string, extensions: readonly string[]): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) {
      found.push(...filesBelow(path, extensions));
    } else if (extensions.some((extension) => entry.name.endsWith(extension))) found.push(path);
  }
  return found.sort();
}

function load(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, lines: text.split('\n'), code: blank(text) };
}

/** Every TypeScript file of the repository. */
export const SOURCES: readonly Source[] = ['src', 'test', 'bench', 'examples']
  .flatMap((folder) => filesBelow(folder, ['.ts']))
  .map(load);

/** All that is written by hand and runs, in any language, but for the tests. */
export const PROGRAMS: readonly Source[] = ['src', 'clients', 'bench', 'examples']
  .flatMap((folder) => filesBelow(folder, ['.ts', '.py', '.sh', '.js', '.mjs']))
  .map(load);

const BY_PATH = new Map(SOURCES.map((source) => [source.path, source]));

/** Our own package by its name, as a user imports it. */
const OWN_PACKAGE: { readonly [specifier: string]: string } = {
  attacca: 'src/client/index.ts',
  'attacca/apps': 'src/apps/index.ts',
  'attacca/files': 'src/files/index.ts',
  'attacca/server': 'src/server/index.ts',
  'attacca/store': 'src/levels/store/public.ts',
  'attacca/testing': 'src/testing/index.ts',
};

/** The source that `specifier` names in `from`; null for a package, or a file that is none. */
export function resolveImport(from: string, specifier: string): Source | null {
  const own = OWN_PACKAGE[specifier];
  if (own !== undefined) return BY_PATH.get(own) ?? null;
  if (!specifier.startsWith('.')) return null;
  const path = join(dirname(from), specifier).replace(/\.js$/u, '.ts');
  return BY_PATH.get(path) ?? null;
}

/** A layer is a folder of src; what stands above them all is one each. */
export function layerOf(path: string): string {
  const [top = '', layer = ''] = path.split('/');
  return top === 'src' ? layer : top;
}

/** The folder of a layer, and of its tsconfig.json. */
export function folderOf(layer: string): string {
  return existsSync(join(ROOT, 'src', layer)) ? `src/${layer}` : layer;
}
