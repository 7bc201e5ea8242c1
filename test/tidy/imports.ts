import { resolveImport, SOURCES, type Source } from './sources.js';

/** A file and a name that it exports. */
interface Exported {
  readonly path: string;
  readonly name: string;
}

/** `{ a, type b as c }` as pairs of the name there and the name here. */
function namesIn(list: string): (readonly [there: string, here: string])[] {
  return list
    .split(',')
    .map((part) => part.replace(/\btype\s+/u, '').trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [there = '', here = there] = part.split(/\s+as\s+|\s*:\s*/u);
      return [there, here] as const;
    });
}

const STATEMENT = /^(import|export)\s+(?:type\s+)?([^'";]*?)\s*(?:from\s+)?'([^']+)';/gmu;
const LATE = /\bimport\(\s*'([^']+)'\s*\)/gu;
const DECLARED =
  /^export\s+(?:declare\s+|abstract\s+|async\s+)*(?:const|let|class|interface|type|function\*?)\s+(\w+)/gmu;
const LISTED = /^export\s+(?:type\s+)?\{([^}]*)\};?$/gmu;

/** The text without comments: an example in one imports nothing. */
function withoutComments({ text }: Source): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gmu, '').replace(/^\s*\/\/.*$/gmu, '');
}

/** Every file that another one names in an import, an export or the URL of a program. */
export function importedPaths(source: Source): Set<string> {
  const text = withoutComments(source);
  const found = new Set<string>();
  const named = [...text.matchAll(STATEMENT)].map((match) => match[3] ?? '');
  const late = [...text.matchAll(LATE), ...text.matchAll(/new URL\('([^']+\.js)'/gu)];
  for (const specifier of [...named, ...late.map((match) => match[1] ?? '')]) {
    const path = resolveImport(source.path, specifier)?.path;
    if (path !== undefined) found.add(path);
  }
  return found;
}

/** The names that `ns.name`, or `{ name } = ns`, takes from a whole module. */
function namesOf(namespace: string, code: string): string[] {
  const dotted = code.matchAll(new RegExp(`\\b${namespace}\\.(\\w+)`, 'gu'));
  const taken = code.matchAll(new RegExp(`\\{([^{}]*)\\}\\s*=\\s*${namespace}\\b`, 'gu'));
  return [
    ...[...dotted].map((match) => match[1] ?? ''),
    ...[...taken].flatMap((match) => namesIn(match[1] ?? '').map(([there]) => there)),
  ];
}

interface Exports {
  /** Names that are made here. */
  readonly own: Set<string>;
  /** Names that come from elsewhere: the file and the name there. */
  readonly passed: Map<string, Exported>;
  /** Files of which everything is passed on. */
  readonly all: string[];
}

function exportsOf(source: Source): Exports {
  const text = withoutComments(source);
  const own = new Set([...text.matchAll(DECLARED)].map((match) => match[1] ?? ''));
  for (const match of text.matchAll(LISTED)) {
    for (const [, here] of namesIn(match[1] ?? '')) own.add(here);
  }
  const passed = new Map<string, Exported>();
  const all: string[] = [];
  for (const [, kind, what = '', specifier = ''] of text.matchAll(STATEMENT)) {
    const path = resolveImport(source.path, specifier)?.path;
    if (kind !== 'export' || path === undefined) continue;
    if (what.startsWith('*')) all.push(path);
    else
      for (const [there, here] of namesIn(inBraces(what))) passed.set(here, { path, name: there });
  }
  return { own, passed, all };
}

function inBraces(text: string): string {
  return /\{([^}]*)\}/u.exec(text)?.[1] ?? '';
}

/** What a file takes from others. */
function usesOf(source: Source): Exported[] {
  const text = withoutComments(source);
  const uses: Exported[] = [];
  const use = (specifier: string, names: readonly string[]): void => {
    const path = resolveImport(source.path, specifier)?.path;
    if (path !== undefined) uses.push(...names.map((name) => ({ path, name })));
  };
  for (const [, kind, what = '', specifier = ''] of text.matchAll(STATEMENT)) {
    const namespace = /^\*\s+as\s+(\w+)/u.exec(what)?.[1];
    if (kind === 'export') continue;
    if (namespace !== undefined) use(specifier, namesOf(namespace, text));
    else
      use(
        specifier,
        namesIn(inBraces(what)).map(([there]) => there),
      );
  }
  // What is loaded late is a module as a whole: what is taken of it cannot be told so simply.
  for (const [, specifier = ''] of text.matchAll(LATE)) {
    const module = resolveImport(source.path, specifier);
    if (module !== null) use(specifier, [...exportsOf(module).own]);
  }
  return uses;
}

/** Exports of src that no other file takes; those of `entries` are for the world. */
export function deadExports(entries: readonly string[]): string[] {
  const exported = new Map(SOURCES.map((source) => [source.path, exportsOf(source)]));
  const used = new Set<string>();
  const mark = ({ path, name }: Exported): void => {
    const key = `${path} ${name}`;
    const from = exported.get(path);
    if (from === undefined || used.has(key)) return;
    used.add(key);
    const passed = from.passed.get(name);
    if (passed !== undefined) mark(passed);
    if (!from.own.has(name)) for (const each of from.all) mark({ path: each, name });
  };
  for (const source of SOURCES) for (const use of usesOf(source)) mark(use);
  for (const path of entries) {
    const from = exported.get(path);
    for (const name of [...(from?.own ?? []), ...(from?.passed.keys() ?? [])]) mark({ path, name });
  }
  const dead: string[] = [];
  for (const [path, { own, passed }] of exported) {
    if (!path.startsWith('src/')) continue;
    for (const name of [...own, ...passed.keys()]) {
      if (!used.has(`${path} ${name}`)) dead.push(`${path}: ${name}`);
    }
  }
  return dead;
}
