import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import {
  beginMessages,
  endFrame,
  HANDLE_NONE,
  writeAck,
  writeDeclare,
  writeDemand,
  writeHello,
  writeJoin,
  writeLease,
  writeOfferInline,
  writeRead,
  writeWriteHead,
} from '../../src/protocol/index.js';
import { connect, parseAddress } from '../../src/transport/index.js';
import { fc } from '../fast-check.js';
import { writePing } from '../protocol/other-side.js';
import { poolOf } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

/** A client's side of a whole conversation. */
function conversation(role: 0 | 1, hello: { token: string; session: number; secret: Uint8Array }) {
  const writer = new Writer();
  const process = role === 0 ? RawClient.process() : {};
  writeHello(writer, { lowest: 1, highest: 1, role, pool: '', received: 0, process, ...hello });
  if (role === 1) {
    writeWriteHead(writer, 1, 0, 0, 100);
    writer.raw(new Uint8Array(100));
    writeRead(writer, 2, 0, 0, 4_096);
    return writer.written();
  }
  const frame = beginMessages(writer, 1, 0);
  writeJoin(writer, 1, 'fuzz[*]', {});
  writeDeclare(writer, 1, 1, 'name', { dtype: 'uint8', shape: [4] }, []);
  writeOfferInline(writer, 1, 0, 0, 0, new Uint8Array(4));
  writeDeclare(writer, 2, 1, 'name', null, []);
  writeDemand(writer, 2, 0, 0, 0, 3);
  writeLease(writer, 4_096, 64, HANDLE_NONE, 0);
  endFrame(writer, frame);
  writeAck(writer, 0);
  return writer.written();
}

const fuzz = fc.record({
  role: fc.constantFrom(0 as const, 1 as const),
  /** Where bytes are changed, from the end: the beginning is said right more often. */
  changes: fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 6 }),
  /** Where what is sent is cut into writes of their own, and where it ends. */
  cuts: fc.array(fc.nat(1_200), { maxLength: 5 }),
  end: fc.option(fc.nat(1_200), { nil: null }),
});

test('changed, cut and ended anywhere, no conversation harms another', async (t) => {
  const server = await poolOf(t);
  let hasEnded = false;
  void server.closed.then(() => {
    hasEnded = true;
  });
  const witness = await RawClient.open(server.address);
  const { token } = server;
  const data = String(Object(witness.accept.pool['data'])[0]);
  const run = async ({
    role,
    changes,
    cuts,
    end,
  }: typeof fuzz extends fc.Arbitrary<infer T> ? T : never) => {
    const { session, secret } = witness.accept;
    const bytes = conversation(role, {
      token,
      session: role === 0 ? 0 : session,
      secret: role === 0 ? new Uint8Array(0) : secret,
    }).slice(0, end ?? undefined);
    for (const [fromEnd, value] of changes) bytes[Math.max(0, bytes.length - 1 - fromEnd)] = value;
    const link = await connect(parseAddress(role === 0 ? server.address : data));
    const closed = new Promise<void>((resolve) => {
      link.onClose = () => resolve();
    });
    let at = 0;
    for (const cut of [...cuts.sort((left, right) => left - right), bytes.length]) {
      link.write(bytes.subarray(at, cut));
      at = Math.max(at, cut);
      link.flush();
      await witness.ok(witness.send(writePing));
    }
    link.close();
    await closed;
    await witness.ok(witness.send(writePing));
    witness.answers.length = 0;
    assert.equal(hasEnded, false);
  };
  await fc.assert(fc.asyncProperty(fuzz, run), { numRuns: 150 });
});
