import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/client/index.js';
import { joinApart, servePool } from './support/pools.js';

/** What plain JavaScript can say, as nobody checks types there. */
const misspelt = (options: { readonly [key: string]: unknown }): never => options as never;

test('options that a call does not take are refused, with those that were meant', async (t) => {
  const server = await servePool(t);
  const pool = await joinApart(server, 'm[0]');
  const space = { dtype: 'uint8', shape: [4] } as const;
  await pool.put('x', Uint8Array.of(1, 2, 3, 4), { space });
  const object = () => pool.object('x', { space });
  const calls: readonly (readonly [() => unknown, RegExp])[] = [
    [() => object().demand(misspelt({ regoin: [0] })), /"regoin" .* mean "region"\?$/u],
    [() => object().peek(misspelt({ timeout: 1 })), /"timeout" .* mean "timeoutMs"\?$/u],
    [() => object().require(misspelt({ whenNoBody: 'wait' })), /"whenNobody"\?$/u],
    [() => object().offer(misspelt({ keeep: true })), /"keep"\?$/u],
    [() => pool.object('x', misspelt({ attribtues: {} })), /"attributes"\?$/u],
    [() => pool.object('x', { space: misspelt({ dtpye: 'int8' }) }), /"dtype"\?$/u],
    [() => pool.put('y', Uint8Array.of(1), misspelt({ spcae: space })), /"space"\?$/u],
    [() => pool.create('o', misspelt({ space, consistncy: 'posix' })), /"consistency"\?$/u],
    [() => pool.open('o', misspelt({ gatherbytes: 1 })), /"gatherBytes"\?$/u],
    [() => pool.offerMany([], misspelt({ onfailure: null })), /"onFailure"\?$/u],
    [() => pool.demandMany([], misspelt({ zzz: 1 })), /"zzz" is none of its options, timeoutMs, /u],
    [() => pool.derive({ x: 'x' }, 'x', misspelt({ into: 1 })), /"into" is none of its options/u],
    [() => pool.cube('c', 'true', ['n'], misspelt({ lables: {} })), /"labels"\?$/u],
    [() => pool.barrier('b', misspelt({ membres: 1 })), /"members"\?$/u],
    [() => pool.count('true', misspelt({ signl: null })), /"signal"\?$/u],
    [() => pool.query('true', misspelt({ limt: 1 })).next(), /"limit"\?$/u],
    [() => pool.catalog.collect('c', 'true', misspelt({ dryrun: true })), /"dryRun"\?$/u],
    [() => pool.barrier('b', undefined as never), /say how many meet, \{ members: 4 \}$/u],
    [() => pool.leave('now' as never), /it takes an object, not a string$/u],
    [() => connect(misspelt({ adress: 'x' })), /"address"\?$/u],
  ];
  for (const [call, message] of calls) {
    const refused = async (): Promise<unknown> => await call();
    await assert.rejects(refused, { name: 'TypeError', message });
  }
  const cube = await pool.cube('c', 'step = 1', ['step']);
  await assert.rejects(cube.demand({}, misspelt({ hole: 'fill' })), {
    name: 'TypeError',
    message: 'Cannot demand the cube "c": "hole" is none of its options. Did you mean "holes"?',
  });
  // Nothing of it has happened.
  assert.equal(await pool.count('true'), 1);
  await pool.leave();
});
