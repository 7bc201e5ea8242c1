/** The layout of the blocks of all slabs; sizes and offsets are in units of the alignment. */
export const SLAB = 0;
export const START = 1;
export const SIZE = 2;
export const STATE = 3;
export const OWNER = 4;
/** Neighbours in the slab, by address. */
export const BEFORE = 5;
export const AFTER = 6;
/** Neighbours in the list of free blocks of a size, or of leases of a session. */
export const PREVIOUS = 7;
/** Of a slice, which is in no list: what its owner keeps with it. */
export const NEXT = 8;
export const WIDTH = 9;
