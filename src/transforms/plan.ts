import { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import type { Order, Space } from '../core/space.js';
import { planChain } from './chain.js';
import type { TransformSpec } from './spec.js';
import type { Step } from './steps.js';

/** How a demand is met, in the order that touches least. */
export interface Plan {
  /** What is gathered of the object. */
  readonly region: Region;
  /** In which order, and of which elements. */
  readonly gathered: Space;
  /** Done by elements with the gathering, stretch by stretch. */
  readonly inner: readonly Step[];
  /** Done with all that was gathered, one after the other. */
  readonly outer: readonly Step[];
  /** Of what comes out; null: bytes, of which only running it tells how many. */
  readonly space: Space | null;
}

/**
 * Plans a chain over a region; null: over all. What comes out is as if the region were gathered and
 * the chain run as it stands; but what `decimate` leaves out is not gathered, and elements are
 * gathered in the order in which they are wanted: both are brought forward past whatever goes by
 * elements.
 */
export function planGather(
  whole: Space,
  wanted: Region | null,
  specs: readonly TransformSpec[],
): Plan {
  const all = Region.whole(whole.shape);
  const given: Space = { ...whole, shape: wanted === null ? whole.shape : shapeOf(wanted) };
  // Before anything is brought forward: errors are those of the chain as it was written.
  const asWritten = planChain(specs, given);
  const rest: TransformSpec[] = [];
  let region = wanted ?? all;
  let order: Order = whole.order;
  let canMove = true;
  let canThin = region.onlyBox !== null;
  for (const [at, spec] of specs.entries()) {
    const step = asWritten.steps[at] as Step;
    if (canThin && spec.kind === 'decimate') region = thinned(region, spec.every);
    else if (canMove && spec.kind === 'order') order = spec.order;
    else {
      // A mean needs the elements between; it does not matter to it how they lie.
      canThin &&= step.how === 'elements';
      canMove &&= step.how === 'elements' || spec.kind === 'average' || spec.kind === 'decimate';
      rest.push(spec);
    }
  }
  const shape = wanted === null && region === all ? whole.shape : shapeOf(region);
  const gathered: Space = { ...whole, shape, order };
  const { steps } = planChain(rest, gathered);
  const first = steps.findIndex(({ how }) => how !== 'elements');
  const cut = first < 0 ? steps.length : first;
  return {
    region,
    gathered,
    inner: steps.slice(0, cut),
    outer: steps.slice(cut),
    space: asWritten.space,
  };
}

/** Of the elements of a region: one box keeps its dimensions; else it is a list. */
export function shapeOf(region: Region): readonly number[] {
  const box = region.onlyBox;
  if (box !== null) return box.map((axis) => axis.count);
  return [region.count];
}

function thinned(region: Region, every: readonly number[]): Region {
  const box = region.onlyBox ?? [];
  return Region.box(
    region.shape,
    box.map((axis, at) => everyNth(axis, every[at] as number)),
  );
}

function everyNth(axis: AxisSet, step: number): AxisSet {
  const [run] = axis.runs;
  if (step === 1) return axis;
  if (axis.runs.length === 1 && run !== undefined) {
    const count = Math.ceil(run.count / step);
    return AxisSet.blocks({ start: run.start, stride: run.step * step, count, block: 1 });
  }
  return AxisSet.indices(axis.toIndices().filter((_, at) => at % step === 0));
}
