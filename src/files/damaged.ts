/** The attribute of an object that is bytes of no whole message: why it is none. */
export const DAMAGED = 'damaged';
