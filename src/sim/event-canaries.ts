import type { Subscription } from '../pool/events/subscription.js';
import { VERSION } from '../pool/rows.js';
import type { PoolState } from '../pool/state.js';
import { SILENCE } from '../protocol/index.js';
import type { Canary } from './canaries.js';

type Changing = { -readonly [Field in keyof Subscription]: Subscription[Field] };

/** Changes each subscription: as it comes, and those that a manager finds. */
function each({ events }: PoolState, change: (one: Changing) => void): void {
  const { subscriptions } = events;
  const set = subscriptions.set.bind(subscriptions);
  for (const one of subscriptions.values()) change(one);
  subscriptions.set = (id, one) => {
    change(one);
    return set(id, one);
  };
}

const MOSTLY = { mostly: 'conducting' } as const;

/** Bugs of events, as they are made: at least one for each of their rules. */
export const EVENT_CANARIES: { readonly [name: string]: Canary } = {
  'a number of a delivery is left out': {
    ...MOSTLY,
    breaks: 'G5 n',
    plant: ({ pool }) => {
      each(pool, (one) => {
        const { unacked } = one;
        const push = unacked.push.bind(unacked);
        let count = 0;
        unacked.push = (n, event, holder) => {
          push(n, event, holder);
          if (++count % 7 === 0) push(++one.n, event, holder);
        };
      });
    },
  },
  'one event of thirty passes a subscriber by': {
    ...MOSTLY,
    breaks: 'G5 all',
    plant: ({ pool }) => {
      let count = 0;
      each(pool, (one) => {
        const { passes } = one;
        one.passes = (place, work) => passes(place, work) && ++count % 30 !== 0;
      });
    },
  },
  'who comes late is told of what comes, and of nothing before': {
    ...MOSTLY,
    breaks: 'G5 all',
    plant: ({ pool }) => {
      each(pool, (one) => {
        if (one.snapshot === null) one.behindAt = 0;
      });
    },
  },
  'what was said of an object is told without its tags': {
    ...MOSTLY,
    breaks: 'G5 all',
    plant: ({ pool: { events, attributes } }) => {
      const { log } = events;
      const setSaid = log.setSaid.bind(log);
      log.setSaid = (said, tags, space, bytes) => {
        attributes.free(tags);
        setSaid(said, 0, space, bytes);
      };
    },
  },
  'what one had who died is given to nobody': {
    ...MOSTLY,
    breaks: 'G5 again',
    plant: ({ pool }) => {
      each(pool, ({ unacked }) => {
        unacked.orphan = () => {};
      });
    },
  },
  'what is offered while a snapshot is told comes twice': {
    ...MOSTLY,
    breaks: 'G5 snapshot',
    first: 8,
    plant: ({ pool: { versions } }) => {
      const getWide = versions.getWide.bind(versions);
      versions.getWide = (row, field) => (field === VERSION.seq ? 0 : getWide(row, field));
    },
  },
  'one object of three is left out of a snapshot': {
    ...MOSTLY,
    breaks: 'G5 snapshot',
    first: 3,
    plant: ({ pool }) => {
      let count = 0;
      each(pool, (one) => {
        const { passes } = one;
        one.passes = (place, work) => passes(place, work) && (place > 0 || ++count % 3 !== 0);
      });
    },
  },
  'what is complete does not end': {
    ...MOSTLY,
    breaks: 'G5 ends',
    first: 14,
    plant: ({ pool: { events } }) => {
      Object.defineProperty(events, 'isCompletionDue', { get: () => false, set: () => {} });
    },
  },
  'nobody is told before': {
    ...MOSTLY,
    breaks: 'G5 holds',
    plant: ({ pool: { events } }) => {
      Object.defineProperty(events, 'beforeTotal', { get: () => 0, set: () => {} });
    },
  },
  'one of those who were asked is enough': {
    ...MOSTLY,
    breaks: 'G5 holds',
    plant: ({ pool: { events } }) => {
      const { held } = events;
      const set = held.set.bind(held);
      held.set = (seq, operation) => {
        const [, ...others] = operation.waitsFor.keys();
        for (const id of others) operation.waitsFor.delete(id);
        return set(seq, operation);
      };
    },
  },
  'a veto is taken for a word of consent': {
    ...MOSTLY,
    breaks: 'G5 holds',
    plant: ({ pool: { events } }) => {
      const { released } = events;
      const add = released.add.bind(released);
      released.add = (operation) => {
        operation.veto = null;
        return add(operation);
      };
    },
  },
  'silence is always a word of consent': {
    ...MOSTLY,
    breaks: 'G5 holds',
    plant: ({ pool }) => {
      each(pool, (one) => {
        one.silence = SILENCE.allow;
      });
    },
  },
  'what comes behind an operation that is held overtakes it': {
    ...MOSTLY,
    breaks: 'G5 holds',
    plant: ({ pool: { sessions } }) => {
      const set = sessions.set.bind(sessions);
      sessions.set = (id, session) => {
        session.lanes.has = () => false;
        return set(id, session);
      };
    },
  },
  'what has come while a request by a selector was held is changed with it': {
    ...MOSTLY,
    breaks: 'I9 changes',
    plant: ({ pool }) => {
      Object.defineProperty(pool, 'selectedAhead', { get: () => null, set: () => {} });
    },
  },
  'the next manager has forgotten what was held': {
    ...MOSTLY,
    breaks: 'G5 holds',
    first: 3,
    plant: ({ pool: { sessions, events } }) => {
      for (const { lanes } of sessions.values()) lanes.clear();
      events.held.clear();
      events.operationsHeld = 0;
    },
  },
  'the next manager tells again what was not acknowledged, as if it were new': {
    ...MOSTLY,
    breaks: 'G5 all',
    first: 3,
    plant: ({ pool: { events } }) => {
      for (const one of events.subscriptions.values()) {
        const { unacked } = one;
        if (unacked.count > 0 && unacked.eventOf(unacked.first) > 0) {
          one.behindAt = unacked.eventOf(unacked.first);
        }
      }
    },
  },
  'who wants what there is goes before all of it is acknowledged': {
    ...MOSTLY,
    breaks: 'G5 ends',
    plant: ({ pool }) => {
      each(pool, ({ unacked }) => {
        unacked.hasBefore = () => false;
      });
    },
  },
  'who wants what there is waits for all that comes, too': {
    ...MOSTLY,
    breaks: 'G5 ends',
    plant: ({ pool }) => {
      each(pool, ({ unacked }) => {
        unacked.hasBefore = () => unacked.count > 0;
      });
    },
  },
  'the next manager has forgotten who wants no more than there was': {
    ...MOSTLY,
    breaks: 'G5 ends',
    plant: ({ pool: { events } }) => {
      for (const one of events.subscriptions.values()) {
        for (const each of one.attachments) Object.assign(each, { until: 0 });
      }
    },
  },
  'nobody wakes for a deadline while a subscriber is silent': {
    ...MOSTLY,
    breaks: 'liveness',
    first: 3,
    plant: (manager) => {
      const { waits, events } = manager.pool;
      const next = (): number =>
        events.heldByTimer.size > 0 ? Number.POSITIVE_INFINITY : waits.nextDeadline();
      Object.defineProperty(manager, 'nextDeadline', { get: next });
    },
  },
};
