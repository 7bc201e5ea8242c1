import { refuse } from '../../core/assert.js';
import {
  type IndexPick,
  type LabelPick,
  labelsText,
  labelText,
  type Picked,
  pickIndices,
  pickLabels,
} from '../../core/cubes/axis.js';
import type { CubeState } from './state.js';

/** What is meant of each dimension, by coordinates; of those that are left out, all. */
export type CubePick = { readonly [dimension: string]: LabelPick };

/** The same by places, from 0. */
export type CubeIndexPick = { readonly [dimension: string]: IndexPick };

/** What was picked of one dimension, one thing after the other. */
export type Pick =
  | { readonly by: 'label'; readonly dimension: string; readonly pick: LabelPick }
  | { readonly by: 'index'; readonly dimension: string; readonly pick: IndexPick };

export function picksOf(by: 'label', picks: CubePick): Pick[];
export function picksOf(by: 'index', picks: CubeIndexPick): Pick[];
export function picksOf(by: Pick['by'], picks: CubePick | CubeIndexPick): Pick[] {
  return Object.entries(picks)
    .filter(([, pick]) => pick !== undefined)
    .map(([dimension, pick]) => ({ by, dimension, pick }) as Pick);
}

/** What is picked of a dimension now; null: all of it, and nobody has picked anything. */
export function resolve(
  state: CubeState,
  dimension: string,
  picks: readonly Pick[],
): Picked[] | null {
  const own = picks.filter((each) => each.dimension === dimension);
  if (own.length === 0) return null;
  let picked = state.allOf(dimension);
  for (const each of own) {
    picked =
      each.by === 'label'
        ? pickLabels(dimension, picked, each.pick)
        : pickIndices(dimension, picked, each.pick);
  }
  return picked;
}

/**
 * Refuses what can never be picked, as far as it is known by now: dimensions that the cube has not
 * (`bad-argument`), labels of a type of which a dimension has none, and those that a dimension of
 * the objects has not (`bad-region`).
 */
export function checkPicks(state: CubeState, picks: readonly Pick[]): void {
  const { axes, dims } = state.definition;
  for (const { dimension } of picks) {
    if (axes.includes(dimension)) resolve(state, dimension, picks);
    else if (state.dimensions !== null) mustHave(state, dimension, picks);
    else if (dims !== null && !dims.includes(dimension)) state.allOf(dimension);
  }
}

/** The dimensions of objects do not grow. */
function mustHave(state: CubeState, dimension: string, picks: readonly Pick[]): void {
  const missing = resolve(state, dimension, picks)?.find(({ at }) => at < 0);
  if (missing === undefined) return;
  const labels = labelsText(state.allOf(dimension).map(({ label }) => label));
  const why = `it has no ${dimension}=${labelText(missing.label)}, but ${labels}`;
  refuse('bad-region', `Cannot pick from dimension "${dimension}": ${why}`, { dimension });
}
