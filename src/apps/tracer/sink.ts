import type { PoolEvent } from '../../client/index.js';

/** Where a tracer's events go, in one format. */
export interface TraceSink {
  take(event: PoolEvent): void;
  /** Everything that was taken leaves: asked for when nothing else waits. */
  flush(): Promise<void>;
  /** Ends what is open, and lets it leave: to who is away for so long. */
  close(withinMs: number): Promise<void>;
}

/** Where bytes go. */
export interface TraceOutput {
  write(text: string): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}
