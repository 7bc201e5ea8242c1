/** Objects in a JavaScript Map: what a program without tables of its own would do. */

import { numberOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';
import { threadCpuClock } from '../harness/thread-cpu.js';
import { BATCH_OBJECTS } from './clients.js';
import { attributeCountOf, describedOf } from './described.js';
import { Longest, residentBytes } from './longest.js';

interface Held {
  readonly name: string;
  readonly attributes: ReturnType<typeof describedOf>['attributes'];
  state: number;
}

const held = new Map<string, Held>();

takePart({
  grow(request) {
    const objects = numberOf(request, 'objects');
    const attributeCount = attributeCountOf(numberOf(request, 'attributes'));
    const before = residentBytes();
    const pause = new Longest(threadCpuClock());
    for (let done = 0; done < objects; done += BATCH_OBJECTS) {
      // As from a socket: names and values are made anew.
      const text = JSON.stringify(
        Array.from({ length: BATCH_OBJECTS }, (_, index) =>
          describedOf(attributeCount, 'a', done + index),
        ),
      );
      pause.of(() => {
        for (const { name, attributes } of JSON.parse(text) as Held[]) {
          held.set(name, { name, attributes, state: 3 });
        }
      });
    }
    return { residentBytes: residentBytes() - before, pauseMs: pause.ms, objects: held.size };
  },
});
