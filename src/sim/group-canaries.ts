import { HANDLE, HANDLE_FLAG, OBJECT, VERSION, VERSION_FLAG } from '../pool/rows.js';
import type { PoolState } from '../pool/state.js';
import type { Canary } from './canaries.js';

type Members = PoolState['groups'] extends Map<number, infer M> ? M : never;

/** Changes what each group has: as it comes, and those that a manager finds. */
function each({ groups }: PoolState, change: (members: Members) => void): void {
  const set = groups.set.bind(groups);
  for (const members of groups.values()) change(members);
  groups.set = (group, members) => {
    change(members);
    return set(group, members);
  };
}

const MOSTLY = { mostly: 'grouping' } as const;

/** Bugs of groups, and of what is ready. */
export const GROUP_CANARIES: { readonly [name: string]: Canary } = {
  'what a group has goes while it is owed to somebody': {
    ...MOSTLY,
    breaks: 'counts',
    plant: ({ pool: { versions } }) => {
      const get = versions.get.bind(versions);
      versions.get = (row, field) => (field === VERSION.groups ? 0 : get(row, field));
    },
  },
  'what a group has is offered still when the group is not': {
    ...MOSTLY,
    breaks: 'G5 all',
    plant: ({ pool }) => {
      each(pool, (members) => {
        members.values = () => new Map<number, number>().values();
      });
    },
  },
  'who opens a group has what is offered by those names now': {
    ...MOSTLY,
    breaks: 'answers',
    plant: ({ pool }) => {
      const { objects } = pool;
      each(pool, (members) => {
        const get = members.get.bind(members);
        members.get = (object) => {
          const own = get(object);
          return own === undefined ? own : objects.get(object, OBJECT.current) || own;
        };
      });
    },
  },
  'a group of which several were told goes in, though one of it is vetoed': {
    ...MOSTLY,
    breaks: 'answers',
    plant: ({ pool: { events } }) => {
      const add = events.released.add.bind(events.released);
      events.released.add = (held) => {
        if (held.seqs.length > 1 && held.veto?.code === 'vetoed') held.veto = null;
        add(held);
      };
    },
  },
  'who has let go one of a group is not asked for the others': {
    ...MOSTLY,
    breaks: 'G5 holds',
    plant: ({ pool: { events } }) => {
      const set = events.held.set.bind(events.held);
      events.held.set = (seq, held) => {
        for (const id of held.owed.keys()) held.owed.set(id, 1);
        return set(seq, held);
      };
    },
  },
  'one of seven is ready, and nobody is told': {
    ...MOSTLY,
    breaks: 'G5 all',
    plant: ({ pool: { readyDue } }) => {
      const add = readyDue.add.bind(readyDue);
      let count = 0;
      readyDue.add = (object) => (++count % 7 === 0 ? readyDue : add(object));
    },
  },
  'who waits until it is ready has it before': {
    ...MOSTLY,
    breaks: 'who waits hears nothing',
    plant: ({ pool: { handles } }) => {
      const get = handles.get.bind(handles);
      handles.get = (row, field) =>
        field === HANDLE.state ? get(row, field) & ~HANDLE_FLAG.ready : get(row, field);
    },
  },
  'what was withdrawn before it was ready never is': {
    ...MOSTLY,
    breaks: 'counts',
    plant: ({ pool: { unreadyOld } }) => {
      unreadyOld.wait = () => {};
    },
  },
  'the next manager has forgotten what was ready': {
    ...MOSTLY,
    breaks: 'counts',
    plant: ({ pool: { versions } }) => {
      for (let row = 1; row < versions.end; row++) {
        if (!versions.has(row)) continue;
        const flags = versions.get(row, VERSION.flags);
        versions.set(row, VERSION.flags, flags & ~VERSION_FLAG.ready);
      }
    },
  },
  'the next manager has forgotten what groups have': {
    ...MOSTLY,
    breaks: 'answers',
    plant: ({ pool: { groups } }) => {
      groups.clear();
    },
  },
};
