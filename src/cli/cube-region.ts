import { isLabel, type Label, type LabelPick } from '../core/cubes/axis.js';
import { parseAttribute } from './attribute.js';
import { UsageError } from './exit.js';

/**
 * A part of a cube by its coordinates: `step=0..24,lat=40..60,level=[500,850],number=0`; with
 * `step=0..24..6` these five steps. Values are in the notation of `put -a`.
 */
export function parseCubeRegion(text: string, option = '--region'): { [key: string]: LabelPick } {
  const picks: { [key: string]: LabelPick } = {};
  for (const part of text.split(/,(?![^[]*\])/u)) {
    const [, key, value] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/u.exec(part) ?? [];
    if (key === undefined || value === undefined || value === '') {
      const how = 'write DIMENSION=VALUE, =LOW..HIGH, =LOW..HIGH..STEP or =[VALUE,...]';
      throw new UsageError(`${option} "${text}": "${part.trim()}" says nothing: ${how}`);
    }
    if (Object.hasOwn(picks, key)) throw new UsageError(`${option}: "${key}" comes twice`);
    picks[key] = pickOf(key, value, option);
  }
  return picks;
}

function pickOf(key: string, text: string, option: string): LabelPick {
  const [, list] = /^\[(.*)\]$/u.exec(text) ?? [];
  if (list !== undefined) return { values: parseLabels(key, list, option) };
  if (text.includes('...')) {
    throw new UsageError(`${option}: "${text}" has a dot too many: LOW..HIGH, or LOW..HIGH..STEP`);
  }
  const ends = text.split('..').map((each) => each.trim());
  const label = (each: string): Label => labelOf(key, each, option);
  if (ends.length === 1) return label(text);
  const [low = '', high = '', step = ''] = ends;
  if (ends.length === 2 && ends.some((each) => each !== '')) {
    return [low === '' ? null : label(low), high === '' ? null : label(high)];
  }
  const numbers = [low, high, step].map(Number);
  if (ends.length !== 3 || ends.includes('') || !numbers.every(Number.isFinite)) {
    throw new UsageError(`${option}: "${text}" is no range: LOW..HIGH, or numbers LOW..HIGH..STEP`);
  }
  return numbers as [number, number, number];
}

/** Labels with commas between. */
export function parseLabels(key: string, list: string, option: string): Label[] {
  return list.split(',').map((each) => labelOf(key, each.trim(), option));
}

function labelOf(key: string, text: string, option: string): Label {
  const { value } = parseAttribute(`${key}=${text}`, option);
  if (text !== '' && isLabel(value)) return value;
  throw new UsageError(`${option}: of "${key}" "${text}" is no value`);
}
