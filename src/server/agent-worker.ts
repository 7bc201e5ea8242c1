import { Worker } from 'node:worker_threads';
import type { AgentStart, FromAgent } from './agent-messages.js';
import { ownError, threadUrl } from './threads.js';

/** What the thread says when it listens. */
export type AgentReady = Extract<FromAgent, { kind: 'ready' }>;

/**
 * The agent's thread while it comes up: begun first of all, as that takes as long as all else that
 * a server does at its start, and told what to serve when that is known.
 */
export class AgentWorker {
  readonly worker: Worker;
  readonly #ready: Promise<AgentReady>;

  constructor() {
    // The flags of this process are its own: a thread refuses some of them.
    this.worker = new Worker(threadUrl('agent'), { execArgv: [], name: 'attacca agent' });
    this.#ready = this.#untilReady();
    // It may fail before anybody asks.
    this.#ready.catch(() => {});
  }

  /** Says what to serve; resolves when the thread listens. */
  start(start: AgentStart): Promise<AgentReady> {
    this.worker.postMessage(start);
    return this.#ready;
  }

  /** Ends the thread, whatever it does. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  #untilReady(): Promise<AgentReady> {
    const { worker } = this;
    return new Promise((resolve, reject) => {
      const onExit = (code: number): void => {
        reject(new Error(`the agent's thread ended (${code})`));
      };
      worker.once('exit', onExit);
      worker.on('error', (error) => reject(ownError(error)));
      worker.once('message', (message: FromAgent) => {
        worker.off('exit', onExit);
        if (message.kind === 'ready') resolve(message);
        else reject(new Error(`the agent's thread began with "${message.kind}"`));
      });
    });
  }
}
