import { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import { PART, PART_FLAG, PARTITION, WANTED } from '../pool/rows.js';
import type { Canary } from './canaries.js';
import { CELL_BYTES } from './slabs.js';

/** Bugs of versions in parts. */
export const PARTS_CANARIES: { readonly [name: string]: Canary } = {
  'a version is taken for complete with its first part': {
    breaks: 'answers',
    plant: ({ pool: { partitions } }) => {
      const getWide = partitions.getWide.bind(partitions);
      const add = partitions.add.bind(partitions);
      // What a part takes away is counted as it should be.
      let counting = 0;
      partitions.add = (row, field, delta) => {
        if (field === PARTITION.count) counting = row;
        return add(row, field, delta);
      };
      partitions.getWide = (row, field) => {
        const isLooked = field === PARTITION.missing && row !== counting;
        if (field === PARTITION.missing) counting = 0;
        return isLooked && partitions.get(row, PARTITION.count) > 0 ? 0 : getWide(row, field);
      };
    },
  },
  'who wants a region has it when a part of it is there': {
    breaks: 'answers',
    first: 11,
    plant: ({ pool: { wanted } }) => {
      const setWide = wanted.setWide.bind(wanted);
      wanted.setWide = (row, field, value) =>
        setWide(row, field, field === WANTED.missing ? Math.max(0, value - 1) : value);
    },
  },
  'who comes late gets a version of which a part is withdrawn': {
    breaks: 'answers',
    first: 3,
    plant: ({ pool: { partitions } }) => {
      const get = partitions.get.bind(partitions);
      partitions.get = (row, field) => (field === PARTITION.closing ? 0 : get(row, field));
    },
  },
  'a version ends with the first of its parts': {
    breaks: 'answers',
    first: 14,
    plant: ({ pool: { partitions } }) => {
      const get = partitions.get.bind(partitions);
      partitions.add = (row, field, delta) => {
        const sum = get(row, field) + delta;
        partitions.set(row, field, sum);
        return sum;
      };
      partitions.get = (row, field) => {
        const isOver = field === PARTITION.active && get(row, PARTITION.closing) === 1;
        return isOver ? 0 : get(row, field);
      };
    },
  },
  'of an overlap only the first element is looked at': {
    breaks: 'answers',
    first: 3,
    plant: ({ pool: { regions } }) => {
      const get = regions.get.bind(regions);
      regions.get = (record, shape) => {
        const region = get(record, shape);
        const axis = region.onlyBox?.[0];
        if (axis === undefined || axis.isEmpty) return region;
        const first = Region.box(shape, [AxisSet.range(axis.first, axis.first + 1)]);
        return Object.assign(Object.create(region), { meets: first.meets.bind(first) });
      };
    },
  },
  'a part is delivered from beside its place': {
    breaks: 'I2 slices',
    first: 27,
    plant: ({ pool: { extents, parts } }) => {
      const get = parts.get.bind(parts);
      let bytes = 0;
      parts.get = (row, field) => {
        const value = get(row, field);
        if (field === PART.bytes) bytes = value;
        return value;
      };
      const offsetOf = extents.offsetOf.bind(extents);
      extents.offsetOf = (block) => offsetOf(block) + (block === bytes ? CELL_BYTES : 0);
    },
  },
  'rows are appended from the same place on': {
    breaks: 'answers',
    mostly: 'growing',
    plant: ({ pool: { partitions } }) => {
      const getWide = partitions.getWide.bind(partitions);
      partitions.getWide = (row, field) => {
        const value = getWide(row, field);
        return field === PARTITION.rows && value > 0 ? value - 1 : value;
      };
    },
  },
  'what has ended grows on': {
    breaks: 'answers',
    mostly: 'growing',
    plant: ({ pool: { partitions } }) => {
      const set = partitions.set.bind(partitions);
      partitions.set = (row, field, value) => {
        if (field !== PARTITION.growing || value !== 0 || partitions.get(row, field) === 0) {
          set(row, field, value);
        }
      };
    },
  },
  'a part that is withdrawn stays until its version goes': {
    breaks: 'I5 bytes',
    first: 14,
    plant: ({ pool: { parts } }) => {
      const get = parts.get.bind(parts);
      parts.get = (row, field) => {
        const value = get(row, field);
        // As if it were offered still, when it is looked whether it can be freed.
        const isLooked = field === PART.flags && get(row, PART.bytes) !== 0;
        return isLooked && get(row, PART.provider) === 0 ? value | PART_FLAG.offered : value;
      };
    },
  },
};
