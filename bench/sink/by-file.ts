/** Files in memory: written under another name, renamed, seen by inotify, read, removed. */
import {
  closeSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  watch,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type Flow,
  type FlowConsumer,
  type FlowKind,
  type FlowProducer,
  objectName,
} from './flow.js';

const PART = '.part';

class Producer implements FlowProducer {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async produce(
    flow: Flow,
    producer: number,
    own: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    for (let index = 0; index < flow.count; index++) {
      const path = join(this.#directory, objectName(flow, producer, index));
      const values = own[index % own.length] ?? new Uint8Array(0);
      const file = openSync(path + PART, 'w');
      for (let at = 0; at < values.length; ) at += writeSync(file, values, at);
      closeSync(file);
      renameSync(path + PART, path);
    }
  }
}

class Consumer implements FlowConsumer {
  readonly #directory: string;
  #changed: () => void = () => {};

  constructor(directory: string) {
    this.#directory = directory;
    watch(directory, () => this.#changed());
  }

  async consume(flow: Flow, read: (bytes: Uint8Array) => void): Promise<void> {
    const target = new Uint8Array(flow.bytes).fill(1);
    let left = flow.producers * flow.count;
    while (left > 0) {
      const change = new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
      const names = readdirSync(this.#directory).filter(
        (name) => name.startsWith(`${flow.tag}-`) && !name.endsWith(PART),
      );
      for (const name of names) {
        const path = join(this.#directory, name);
        const file = openSync(path, 'r');
        for (let at = 0; at < target.length; ) at += readSync(file, target, { offset: at });
        closeSync(file);
        unlinkSync(path);
        read(target);
      }
      left -= names.length;
      if (names.length === 0 && left > 0) await change;
      else await turn();
    }
  }
}

export const byFile: FlowKind = {
  producer: async (at) => new Producer(at),
  consumer: async (at) => new Consumer(at),
};
