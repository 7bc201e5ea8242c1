/** NATS as its users have it: what is selected by is in the subject, the rest is JSON. */
import { loadRival } from '../rivals/installed.js';
import { inBatches, type Kind, type Sink, type Source, type Told, toldOf } from './sides.js';

const HELD = 'held';

interface Message {
  json<T>(): T;
  respond(payload?: string): boolean;
}

interface Connection {
  publish(subject: string, payload: string): void;
  request(subject: string, payload: string): Promise<Message>;
  subscribe(subject: string, options: { callback(error: unknown, message: Message): void }): void;
  flush(): Promise<void>;
}

async function connectNats(port: string): Promise<Connection> {
  const { connect } = loadRival('@nats-io/transport-node') as {
    connect(options: { servers: string }): Promise<Connection>;
  };
  return await connect({ servers: `127.0.0.1:${port}` });
}

const subjectOf = ({ param, levelist, step, number }: Told): string =>
  `field.${param}.${levelist}.${step}.${number}`;

async function source(at: string): Promise<Source> {
  const connection = await connectNats(at);
  return {
    async publish(first, count, subscriptions) {
      await inBatches(first, count, async (from, some) => {
        for (let index = from; index < from + some; index++) {
          const told = toldOf(index, subscriptions);
          connection.publish(subjectOf(told), JSON.stringify(told));
        }
        await connection.flush();
      });
    },
    async ask(index) {
      await connection.request(HELD, JSON.stringify(toldOf(index, 1)));
    },
  };
}

async function sink(at: string): Promise<Sink> {
  const connection = await connectNats(at);
  return {
    async subscribe({ subscriptions, isFanOut }, onTold) {
      const callback = (_: unknown, message: Message): void => onTold(message.json<Told>().step);
      for (let number = 0; number < subscriptions; number++) {
        connection.subscribe(isFanOut ? 'field.t.>' : `field.t.*.*.${number}`, { callback });
      }
      await connection.flush();
    },
    async answer() {
      const callback = (_: unknown, message: Message): void => {
        message.json<Told>();
        message.respond();
      };
      connection.subscribe(HELD, { callback });
      await connection.flush();
    },
  };
}

export const byNats: Kind = { source, sink };
