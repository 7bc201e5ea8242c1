import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { AttaccaError, isErrorCode } from '../core/errors.js';
import type { AgentStart, FromAgent } from './agent-messages.js';

/** The thread's file: beside this one, or beside the bundled command (scripts/setup.mjs). */
function threadUrl(): URL {
  const beside = new URL('./agent-thread.js', import.meta.url);
  return existsSync(beside) ? beside : new URL('./attacca-agent.js', import.meta.url);
}

/**
 * The agent's thread while it comes up: begun first of all, as that takes as long as all else that
 * a server does at its start, and told what to serve when that is known.
 */
export class AgentWorker {
  readonly worker: Worker;
  /** Resolves with the port of data connections by TCP, or 0, once the thread listens. */
  readonly #port: Promise<number>;

  constructor() {
    // The flags of this process are its own: a thread refuses some of them.
    this.worker = new Worker(threadUrl(), { execArgv: [], name: 'attacca agent' });
    this.#port = this.#untilReady();
    // It may fail before anybody asks.
    this.#port.catch(() => {});
  }

  /** Says what to serve; resolves when the thread listens. */
  start(start: AgentStart): Promise<number> {
    this.worker.postMessage(start);
    return this.#port;
  }

  /** Ends the thread, whatever it does. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  #untilReady(): Promise<number> {
    const { worker } = this;
    return new Promise((resolve, reject) => {
      const onExit = (code: number): void => {
        reject(new Error(`the agent's thread ended (${code})`));
      };
      worker.once('exit', onExit);
      worker.on('error', (error) => reject(ownError(error)));
      worker.once('message', (message: FromAgent) => {
        worker.off('exit', onExit);
        if (message.kind === 'ready') resolve(message.port);
        else reject(new Error(`the agent's thread began with "${message.kind}"`));
      });
    });
  }
}

/** What comes from a thread is no AttaccaError any more, but has its code. */
function ownError(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  const { code, message } = error;
  return typeof code === 'string' && isErrorCode(code)
    ? new AttaccaError(code, message, {}, { cause: error })
    : error;
}
