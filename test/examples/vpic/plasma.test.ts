import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPlan, ownerOf, shareOf } from '../../../examples/vpic/plan.js';
import {
  amplitude,
  deposit,
  drift,
  FASTEST_WAVE,
  fieldEnergy,
  growthRate,
  kick,
  loadParticles,
  measuredRate,
  motion,
  type PlasmaSettings,
  solveField,
} from '../../../examples/vpic/plasma.js';

const SETTINGS: PlasmaSettings = {
  particles: 8_000,
  cells: 64,
  length: (2 * Math.PI) / FASTEST_WAVE,
  timeStep: 0.1,
  magnetic: 0.5,
  thermal: 0,
  seedMode: 1,
  seedAmplitude: 0.001,
  seed: 1,
};

interface Run {
  readonly times: readonly number[];
  readonly energies: readonly number[];
  readonly momenta: readonly number[];
  readonly amplitudes: readonly number[];
}

/** The plasma by one program, without a pool. */
function simulate(settings: PlasmaSettings, steps: number): Run {
  const particles = loadParticles(settings, () => true);
  const density = new Float64Array(settings.cells);
  const field = new Float64Array(settings.cells);
  const solve = (): void => {
    deposit(settings, particles, density);
    solveField(settings, density, field);
  };
  const [times, energies, momenta, amplitudes]: number[][] = [[], [], [], []];
  solve();
  for (let step = 0; step < steps; step++) {
    const { kinetic, momentum } = motion(settings, particles);
    times?.push(step * settings.timeStep);
    energies?.push(kinetic + fieldEnergy(settings, field));
    momenta?.push(momentum);
    amplitudes?.push(amplitude(field, settings.seedMode));
    kick(settings, particles, field);
    drift(settings, particles);
    solve();
    kick(settings, particles, field);
  }
  return {
    times: times ?? [],
    energies: energies ?? [],
    momenta: momenta ?? [],
    amplitudes: amplitudes ?? [],
  };
}

test('the wave grows as theory says, energy and momentum are kept', () => {
  const { times, energies, momenta, amplitudes } = simulate(SETTINGS, 400);
  const rate = measuredRate(times, amplitudes);
  assert.ok(Math.abs(rate / growthRate(FASTEST_WAVE) - 1) < 0.03, `rate ${rate}`);
  const [first = 0] = energies;
  for (const energy of energies) assert.ok(Math.abs(energy / first - 1) < 0.01, `${energy}`);
  for (const momentum of momenta) assert.ok(Math.abs(momentum) < 1e-9, `${momentum}`);
  assert.ok(Math.max(...amplitudes) > 100 * (amplitudes[0] ?? 0), 'it grows until it traps them');
});

test('a wave that is too short does not grow', () => {
  // Above k = 1 theory has no growth.
  const settings = { ...SETTINGS, length: (2 * Math.PI) / 1.5 };
  assert.equal(growthRate(1.5), 0);
  const { amplitudes } = simulate(settings, 300);
  const [first = 0] = amplitudes;
  assert.ok(Math.max(...amplitudes) < 5 * first);
});

test('the fastest growing wave is that of theory', () => {
  const fastest = growthRate(FASTEST_WAVE);
  assert.ok(Math.abs(fastest - 1 / Math.sqrt(8)) < 1e-12);
  for (const wave of [0.9, 0.99, 1.01, 1.1]) assert.ok(growthRate(wave * FASTEST_WAVE) < fastest);
});

test('the field is that of a density that is known', () => {
  const { cells, length } = SETTINGS;
  const wave = (2 * Math.PI) / length;
  const density = Float64Array.from({ length: cells }, (_, cell) => {
    return 1 + 0.1 * Math.cos((2 * Math.PI * cell) / cells);
  });
  const field = new Float64Array(cells);
  solveField(SETTINGS, density, field);
  for (const [cell, value] of field.entries()) {
    const exact = (-0.1 / wave) * Math.sin((2 * Math.PI * cell) / cells);
    assert.ok(Math.abs(value - exact) < 0.01 * (0.1 / wave), `${cell}: ${value} ${exact}`);
  }
});

test('however it is dealt out, the plasma has each electron once', () => {
  const wishes = { readers: 1, steps: 1, particles: 1_001, cut: 1, seed: 3, until: 1 };
  for (const writers of [1, 2, 3, 7, 192]) {
    const plan = createPlan({ ...wishes, writers });
    const ids: number[] = [];
    for (let writer = 0; writer < writers; writer++) {
      const mine = loadParticles(plan.plasma, (x) => ownerOf(plan, x) === writer);
      const [start, end] = shareOf(plan.plasma.cells, writer, writers);
      for (const x of mine.columns[0] ?? []) {
        const cell = Math.floor((x / plan.plasma.length) * plan.plasma.cells);
        assert.ok(cell >= start && cell < end, `${writer} of ${writers} has cell ${cell}`);
      }
      ids.push(...mine.ids);
    }
    assert.deepEqual(
      ids.sort((a, b) => a - b),
      Array.from({ length: 1_001 }, (_, id) => id),
    );
  }
});

test('who belongs elsewhere leaves, all others stay', () => {
  const particles = loadParticles(SETTINGS, () => true);
  const middle = SETTINGS.length / 2;
  const left: number[] = [];
  particles.extract(
    (x) => x < middle,
    (id, values) => {
      assert.ok((values[0] ?? 0) < middle);
      left.push(id);
    },
  );
  assert.ok(particles.columns[0]?.every((x) => x >= middle));
  assert.equal(new Set([...left, ...particles.ids]).size, SETTINGS.particles);
  assert.equal(left.length + particles.count, SETTINGS.particles);
});
