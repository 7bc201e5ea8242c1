import type { StepQueue } from '../pool/events/queues.js';
import type { Standing } from '../pool/events/standing.js';
import type { Subscription } from '../pool/events/subscription.js';
import { handleState } from '../pool/objects.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION } from '../pool/rows.js';
import type { PoolState } from '../pool/state.js';
import type { Canary } from './canaries.js';

/** Changes each standing require: as it comes, and those that a manager finds. */
function each({ events }: PoolState, change: (one: Subscription, has: Standing) => void): void {
  const { standing } = events;
  const add = standing.add.bind(standing);
  for (const one of standing) if (one.standing !== null) change(one, one.standing);
  standing.add = (one) => {
    if (one.standing !== null) change(one, one.standing);
    return add(one);
  };
}

/** Changes each step queue: as it is defined, and those that a manager finds. */
function eachQueue({ events }: PoolState, change: (queue: Changing) => void): void {
  const { queues } = events;
  const set = queues.set.bind(queues);
  for (const queue of queues.values()) change(queue);
  queues.set = (name, queue) => {
    change(queue);
    return set(name, queue);
  };
}

type Changing = { -readonly [Field in keyof StepQueue]: StepQueue[Field] };

const MOSTLY = { mostly: 'stepping' } as const;

/** Bugs of what is required as it comes, and of steps: at least one for each of their rules. */
export const STEP_CANARIES: { readonly [name: string]: Canary } = {
  'one pin of seven is not counted': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool: { versions } }) => {
      const add = versions.add.bind(versions);
      let count = 0;
      versions.add = (row, field, delta) => {
        const isLeftOut = field === VERSION.pins && delta > 0 && ++count % 7 === 0;
        return isLeftOut ? versions.get(row, field) : add(row, field, delta);
      };
    },
  },
  'one pin of five outlives its acknowledgement': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool: { versions } }) => {
      const add = versions.add.bind(versions);
      let count = 0;
      versions.add = (row, field, delta) => {
        const isKept = field === VERSION.pins && delta < 0 && ++count % 5 === 0;
        return isKept ? 1 : add(row, field, delta);
      };
    },
  },
  'what a worker had that died is taken for done': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool }) => {
      each(pool, ({ unacked }) => {
        unacked.orphan = (holder) => {
          const had: number[] = [];
          unacked.each((n, _place, by) => {
            if (by === holder) had.push(n);
          });
          for (const n of had) unacked.done(n);
        };
      });
    },
  },
  'what comes is handed over in another order': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool }) => {
      each(pool, (_one, has) => {
        has.shift = (step = 0) => {
          const versions = has.drop(step);
          const last = versions.pop() ?? 0;
          for (const version of versions) has.push(version, step);
          return last;
        };
      });
    },
  },
  'who begins with what is offered has nothing of it': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool }) => {
      each(pool, (one) => {
        one.snapshot = null;
      });
    },
  },
  'a group that was complete begins anew when more is promised': {
    ...MOSTLY,
    breaks: 'G5 stand',
    first: 41,
    plant: ({ pool }) => {
      each(pool, (_one, has) => {
        Object.defineProperty(has, 'since', { get: () => 0, set: () => {} });
      });
    },
  },
  'TAKE hands over what is offered now': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool }) => {
      const { handles, objects, versions } = pool;
      const set = handles.set.bind(handles);
      const add = versions.add.bind(versions);
      // It is owed what it is bound to: else what counts who is owed what sees it first.
      let [meant, taken] = [0, 0];
      handles.set = (row, field, value) => {
        const isBound = field === HANDLE.version && value !== 0;
        const isRequired = isBound && handleState(pool, row) === HANDLE_STATE.required;
        const object = isRequired ? handles.get(row, HANDLE.object) : 0;
        const current = isRequired ? objects.get(object, OBJECT.current) : 0;
        if (current !== 0) [meant, taken] = [value, current];
        set(row, field, current === 0 ? value : current);
      };
      versions.add = (row, field, delta) => {
        const isTaken = field === VERSION.requires && delta > 0 && row === meant;
        if (!isTaken) return add(row, field, delta);
        meant = 0;
        return add(taken, field, delta);
      };
    },
  },
  'the next manager has forgotten what was kept and not handed over': {
    ...MOSTLY,
    breaks: 'G5 stand',
    plant: ({ pool: { events } }) => {
      for (const { standing } of events.standing) {
        for (const step of standing?.linedSteps() ?? []) standing?.drop(step);
      }
    },
  },
  'the newest steps are withdrawn, and the oldest are kept': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool }) => {
      eachQueue(pool, ({ offered }) => {
        const keys = offered.keys.bind(offered);
        offered.keys = () => new Map([[Math.max(...keys()), 0]]).keys();
      });
    },
  },
  'one step more is kept than is asked for': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool }) => {
      eachQueue(pool, (queue) => {
        const { asked } = queue;
        if (asked.keep > 0) queue.asked = { ...asked, keep: asked.keep + 1 };
      });
    },
  },
  'who waits for somebody to catch up is not looked at again': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool: { events } }) => {
      Object.defineProperty(events, 'isStepDue', { get: () => false, set: () => {} });
    },
  },
  'no offer waits for who is behind': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool: { events } }) => {
      Object.defineProperty(events, 'queuesAhead', { get: () => 0, set: () => {} });
    },
  },
  'steps of a group of which nobody is there do not count': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool }) => {
      each(pool, (one, { steps }) => {
        const get = steps.get.bind(steps);
        steps.get = (name) => (one.attachments.length === 0 ? undefined : get(name));
      });
    },
  },
  'an offer that waits for who is behind has no deadline': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool: { events } }) => {
      const { stepWaits } = events;
      const take = stepWaits.delete.bind(stepWaits);
      stepWaits.delete = (held) => held.timer !== 0 && take(held);
    },
  },
  'a step is taken for whole while others may add to it': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool }) => {
      eachQueue(pool, (queue) => {
        queue.producers.set = () => queue.producers;
      });
    },
  },
  'a marker tells of one step less than was missed': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool }) => {
      each(pool, ({ gaps }) => {
        const set = gaps.set.bind(gaps);
        gaps.set = (n, gap) => set(n, gap.steps > 1 ? { ...gap, steps: gap.steps - 1 } : gap);
      });
    },
  },
  'the next manager has forgotten who waits for somebody to catch up': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool: { events } }) => {
      events.stepWaits.clear();
    },
  },
  'the next manager has forgotten how far its producers are': {
    ...MOSTLY,
    breaks: 'G5 steps',
    plant: ({ pool: { events } }) => {
      for (const queue of events.queues.values()) queue.producers.clear();
    },
  },
};
