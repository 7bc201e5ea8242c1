/** What a pool is served with. Every field may be left out. */
export interface ServeOptions {
  /** The workflow's name, and the directory's; default: the pool's random id. */
  readonly name?: string | undefined;
  /** `unix:/path` of the control socket; default: a place of its own that the name tells. */
  readonly address?: string | undefined;
  /** `tcp://host:port` to listen on as well; port 0 takes any. */
  readonly listen?: string | undefined;
  /** The token; default: that of `tokenFile`, else a new one. */
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** False: no shared memory, all bytes go over data connections. */
  readonly shm?: boolean | undefined;
  /** Where the slabs' directory is made; default /dev/shm. */
  readonly shmDirectory?: string | undefined;
  /** Memory for slabs; default: as the host allows. */
  readonly memoryBytes?: number | undefined;
  /** A directory in which the pool is kept: what it acknowledges outlives its process. */
  readonly data?: string | undefined;
  /**
   * A directory for the bytes of offers that ask for `fsync`: they outlive the host. Of a pool that
   * is kept (`data`).
   */
  readonly store?: string | undefined;
  /** False: an acknowledgement does not wait for the disk; a loss of power may take the last. */
  readonly sync?: boolean | undefined;
  /** Go on without records that are damaged, instead of refusing. */
  readonly repair?: boolean | undefined;
  /** Size of the journal's files; default 64 MiB. */
  readonly segmentBytes?: number | undefined;
  readonly deadlineDefaultMs?: number | undefined;
  readonly promiseGraceMs?: number | undefined;
  /** How long a session whose process cannot be seen may be away. */
  readonly sessionAwayMsMax?: number | undefined;
  /** How long a connection may be open and silent. */
  readonly handshakeMsMax?: number | undefined;
  /** False: what is offered is not measured. */
  readonly statistics?: boolean | undefined;
  /** What the last events may take, in bytes; and how old they may be, in ms (0: as they are). */
  readonly eventBytesMax?: number | undefined;
  readonly eventAgeMsMax?: number | undefined;
  /** Poison freed bytes; default: whether ATTACCA_CHECK=1. */
  readonly check?: boolean | undefined;
  /** Lines for people: sizing with its reason, warnings, what was cleaned up. */
  readonly log?: ((line: string) => void) | undefined;
}
