/**
 * Every version of the protocol, with what changed and the SHA-256 of spec/vectors.json, which a
 * test compares: a change of the wire changes the vectors and so reminds to add a version here, and
 * a line to the history in spec/protocol.md. Until a version is released its hash is renewed by
 * `node dist/test/protocol/make-vectors.js`, which prints it.
 */
export const VERSIONS: readonly { version: number; change: string; vectors: string }[] = [
  {
    version: 1,
    change: 'first',
    vectors: 'f717872cd30375f5de3c6f9da800d3b62497e8ad116076b205fa593003cbc7bd',
  },
];

/** The lowest and highest version that this code speaks. */
export const VERSION_MIN = 1;
export const VERSION_MAX = 1;

/** The highest version that both sides know, or null. */
export function negotiateVersion(peer: { lowest: number; highest: number }): number | null {
  const version = Math.min(peer.highest, VERSION_MAX);
  return version >= Math.max(peer.lowest, VERSION_MIN) ? version : null;
}
