import { counted } from '../../core/counted.js';
import { UsageError } from '../exit.js';
import { quoted } from '../format.js';
import type { Job } from './parse.js';

/** Of a longer ring its middle is left out of the message. */
const TOLD_MAX = 8;

/** A job of a ring, and the object it needs of the next one. */
interface Link {
  readonly job: Job;
  readonly needs: string;
}

/**
 * The jobs in an order in which each stands behind those that make what it needs. Refuses a list in
 * which jobs need each other in a ring: each would wait for the next for ever. Each job and each
 * input is looked at once, and a chain may be as long as the list, so nothing recurs.
 */
export function inOrderOfNeeds(jobs: readonly Job[]): Job[] {
  const makers = new Map<string, Job>();
  for (const job of jobs) for (const { name } of job.spec.outputs) makers.set(name, job);
  const cleared = new Set<Job>();
  for (const job of jobs) {
    const ring = ringFrom(job, makers, cleared);
    if (ring !== null) throw new UsageError(ringText(ring));
  }
  return [...cleared];
}

/** A job whose inputs are being followed: the first of them that was not looked at yet. */
interface Step {
  readonly job: Job;
  next: number;
}

/** Follows needs from a job, depth first; what leads to no ring is `cleared`, needs first. */
function ringFrom(start: Job, makers: ReadonlyMap<string, Job>, cleared: Set<Job>): Link[] | null {
  const path: Step[] = [];
  const onPath = new Map<Job, number>();
  const enter = (job: Job): void => {
    onPath.set(job, path.length);
    path.push({ job, next: 0 });
  };
  if (!cleared.has(start)) enter(start);
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const input = step.job.spec.inputs[step.next++];
    if (input === undefined) {
      cleared.add(step.job);
      onPath.delete(step.job);
      path.pop();
      continue;
    }
    const maker = makers.get(input.name);
    if (maker === undefined || cleared.has(maker)) continue;
    const closes = onPath.get(maker);
    if (closes !== undefined) return path.slice(closes).map(linkOf);
    enter(maker);
  }
  return null;
}

function linkOf({ job, next }: Step): Link {
  return { job, needs: job.spec.inputs[next - 1]?.name ?? '' };
}

function ringText(links: readonly Link[]): string {
  const [first, ...rest] = fromLowest(links);
  if (first === undefined) return '';
  const { line } = first.job;
  const start = `line ${line} of the jobs: it needs ${quoted(first.needs)}, which`;
  if (rest.length === 0) return `${start} it makes itself: it cannot start`;
  const steps = rest.map(
    ({ job, needs }) => `line ${job.line} makes, which needs ${quoted(needs)}`,
  );
  return `${start} ${chain(steps)} of line ${line}: none of them can start`;
}

function chain(steps: readonly string[]): string {
  const untold = steps.length - TOLD_MAX;
  if (untold <= 0) return steps.join(', which ');
  const head = steps.slice(0, TOLD_MAX - 1).join(', which ');
  return `${head}, ... (${counted(untold, 'line')} more), which ${steps.at(-1)}`;
}

/** The ring as one reads it: from its lowest line on. */
function fromLowest(ring: readonly Link[]): Link[] {
  let lowest = 0;
  for (const [index, { job }] of ring.entries()) {
    if (job.line < (ring[lowest] as Link).job.line) lowest = index;
  }
  return [...ring.slice(lowest), ...ring.slice(0, lowest)];
}
