import { refuse } from '../core/assert.js';
import { firstTwice } from '../core/first-twice.js';
import { formatBytes } from '../core/format-bytes.js';
import { LIMITS } from '../core/limits.js';
import { utf8Length } from '../core/utf8.js';
import type { Attribute } from '../formats/dataset.js';
import type { FileHeader } from './header.js';
import { nameWithin } from './names.js';

/** What no header has; `isTooMuch` when it is a limit that is reached. */
interface Fault {
  readonly why: string;
  readonly isTooMuch: boolean;
}

const bad = (why: string): Fault => ({ why, isTooMuch: false });
const tooMuch = (why: string): Fault => ({ why, isTooMuch: true });

/** How a name is told: not all of one that is long, and nothing that a terminal would do. */
const shown = (name: string): string => JSON.stringify(name.slice(0, 40));

function faultOfName(what: string, name: string): Fault | null {
  if (name === '') return bad(`a name of ${what} is empty`);
  if (utf8Length(name) > LIMITS.nameBytesMax) {
    return tooMuch(`the name of ${what} ${shown(name)} has more than ${LIMITS.nameBytesMax} bytes`);
  }
  // Half a character of two is none.
  if (/[\0\p{Cs}]/u.test(name)) return bad(`the name of ${what} ${shown(name)} is no text`);
  return null;
}

/** Of dimensions, variables and groups: parts of a path, in groups. */
function faultOfPath(what: string, name: string): Fault | null {
  const fault = faultOfName(what, name);
  if (fault !== null) return fault;
  if (/\p{Cc}/u.test(name)) return bad(`the name of ${what} ${shown(name)} has control characters`);
  const isNone = name.split('/').some((part) => part === '' || part === '.' || part === '..');
  return isNone ? bad(`the name of ${what} ${shown(name)} is no path`) : null;
}

/** Whether a dimension, a variable or a group may be called so. */
export const isPathName = (name: string): boolean => faultOfPath('it', name) === null;

/** Refuses to write names that would be refused when they are imported. */
export function mustBePathNames(what: string, all: readonly { readonly name: string }[]): void {
  for (const { name } of all) {
    const fault = faultOfPath(what, name);
    if (fault !== null) refuse('bad-name', `Cannot write the file: ${fault.why}`, { name });
  }
}

/** Whether an attribute may. */
export const isAttributeName = (name: string): boolean => faultOfName('it', name) === null;

function twice(what: string, names: readonly string[]): Fault | null {
  const name = firstTwice(names);
  return name === null ? null : bad(`it has two ${what} ${shown(name)}`);
}

/** Nothing is within a variable, and no group is one. */
function within(
  variables: readonly string[],
  groups: readonly { readonly name: string }[],
): Fault | null {
  const inner = nameWithin(variables, [...variables, ...groups.map(({ name }) => `${name}/`)]);
  return inner === null ? null : bad(`the variable ${shown(inner)} is a group, too`);
}

function faultOfAttributes(of: string, attributes: readonly Attribute[]): Fault | null {
  const names = attributes.map(({ name }) => name);
  for (const { name, shape } of attributes) {
    const fault = faultOfName(`an attribute of ${of}`, name);
    if (fault !== null) return fault;
    if ((shape ?? []).length <= LIMITS.attributeDimensionsMax) continue;
    const why = `more than ${LIMITS.attributeDimensionsMax} dimensions`;
    return tooMuch(`the attribute ${shown(name)} of ${of} has ${why}`);
  }
  return twice(`attributes of ${of}`, names);
}

/** What names and attributes take in a header, about: its other half is for all else. */
function bytesOf(
  all: readonly { readonly attributes: readonly Attribute[] }[],
  named: readonly { readonly name: string }[],
): number {
  const attributes = all.flatMap((each) => each.attributes);
  // Attributes are there in Base64, and those of some formats in what they keep, too.
  const values = attributes.reduce((sum, each) => sum + (each.bytes.length * 4) / 3, 0);
  return [...named, ...attributes].reduce((sum, { name }) => sum + name.length, values);
}

/**
 * What is wrong with a header, beside its form: names that are none, or are there twice, and counts
 * out of any proportion. Null: nothing. The same holds for what is imported and for what anybody
 * has offered, so whatever is imported can be exported.
 */
export function faultOf(header: FileHeader): Fault | null {
  if (header.kind !== 'dataset') return null;
  const { dimensions, variables, attributes, groups = [] } = header.dataset;
  const all = [{ attributes }, ...variables, ...groups];
  const counts: readonly (readonly [string, number, number])[] = [
    ['dimensions', dimensions.length, LIMITS.fileDimensionsMax],
    ['variables and groups', variables.length + groups.length, LIMITS.fileVariablesMax],
    [
      'attributes',
      all.reduce((sum, each) => sum + each.attributes.length, 0),
      LIMITS.fileAttributesMax,
    ],
  ];
  for (const [what, count, most] of counts) {
    if (count > most) return tooMuch(`it has ${count} ${what}, more than ${most}`);
  }
  const bytes = bytesOf(all, [...dimensions, ...variables, ...groups]);
  if (bytes > LIMITS.fileHeaderBytesMax / 2) {
    return tooMuch(`its names and attributes take ${formatBytes(bytes)}`);
  }
  const named: readonly (readonly [string, string, readonly { readonly name: string }[]])[] = [
    ['a dimension', 'dimensions', dimensions],
    ['a variable', 'variables', variables],
    ['a group', 'groups', groups],
  ];
  for (const [what, plural, list] of named) {
    const names = list.map(({ name }) => name);
    for (const name of names) {
      const fault = faultOfPath(what, name);
      if (fault !== null) return fault;
    }
    const fault = twice(plural, names);
    if (fault !== null) return fault;
  }
  const fault = within(
    variables.map(({ name }) => name),
    groups,
  );
  if (fault !== null) return fault;
  for (const each of all) {
    const of = 'name' in each ? shown(each.name) : 'the file';
    const fault = faultOfAttributes(of, each.attributes);
    if (fault !== null) return fault;
  }
  return null;
}
