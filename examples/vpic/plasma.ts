/**
 * A plasma in one dimension of space and three of velocity: electrons before ions at rest, by the
 * particle-in-cell method (Birdsall and Langdon, 1985).
 *
 * Time is in units of 1/plasma frequency, velocity in that of a beam; the electrons' density is 1,
 * their charge and mass -1 and 1. The magnetic field lies along x: it turns uy and uz and leaves x
 * alone. A step is kick, turn, drift, kick; all quantities are known at the same times.
 */
import { createRandom } from '../weather/model/random.js';

/** The coordinates of particles, in the order of {@link Particles.columns}. */
export const COORDINATES = ['x', 'y', 'z', 'ux', 'uy', 'uz'] as const;

/** What all who compute it agree upon. */
export interface PlasmaSettings {
  readonly particles: number;
  readonly cells: number;
  readonly length: number;
  readonly timeStep: number;
  /** Cyclotron frequency in the magnetic field along x. */
  readonly magnetic: number;
  /** Spread of velocities about those of the beams. */
  readonly thermal: number;
  /** Wave that is laid into the beams: number of wavelengths, and share of one moved. */
  readonly seedMode: number;
  readonly seedAmplitude: number;
  readonly seed: number;
}

/** The wave number that grows fastest between two cold beams of velocities 1 and -1. */
export const FASTEST_WAVE = Math.sqrt(3 / 8);

/**
 * How fast a wave grows between two cold beams of half the density each:
 * w^2 = (2 k^2 + 1 - sqrt(1 + 8 k^2)) / 2, where that is negative; else 0.
 */
export function growthRate(wave: number): number {
  const square = wave * wave;
  return Math.sqrt(Math.max(0, (Math.sqrt(1 + 8 * square) - 2 * square - 1) / 2));
}

/** Particles of one writer; it gives some away and gets others as they move. */
export class Particles {
  #columns: readonly Float64Array<ArrayBuffer>[];
  #ids: Uint32Array<ArrayBuffer>;
  #count = 0;

  constructor(room: number) {
    this.#columns = COORDINATES.map(() => new Float64Array(room));
    this.#ids = new Uint32Array(room);
  }

  get count(): number {
    return this.#count;
  }

  /** x, y, z, ux, uy, uz. */
  get columns(): readonly Float64Array<ArrayBuffer>[] {
    return this.#columns.map((column) => column.subarray(0, this.#count));
  }

  get ids(): Uint32Array<ArrayBuffer> {
    return this.#ids.subarray(0, this.#count);
  }

  add(id: number, values: ArrayLike<number>, from = 0): void {
    if (this.#count === this.#ids.length) this.#grow();
    for (const [index, column] of this.#columns.entries()) {
      column[this.#count] = values[from + index] ?? 0;
    }
    this.#ids[this.#count] = id;
    this.#count += 1;
  }

  /** Takes out those that belong elsewhere: the last takes the place of each. */
  extract(isElsewhere: (x: number) => boolean, take: (id: number, values: number[]) => void): void {
    const [xs] = this.#columns;
    for (let at = this.#count - 1; at >= 0; at--) {
      if (xs === undefined || !isElsewhere(xs[at] ?? 0)) continue;
      const values = this.#columns.map((column) => column[at] ?? 0);
      take(this.#ids[at] ?? 0, values);
      this.#count -= 1;
      for (const column of this.#columns) column[at] = column[this.#count] ?? 0;
      this.#ids[at] = this.#ids[this.#count] ?? 0;
    }
  }

  #grow(): void {
    const room = Math.max(16, 2 * this.#ids.length);
    const larger = this.#columns.map((column) => {
      const next = new Float64Array(room);
      next.set(column);
      return next;
    });
    const ids = new Uint32Array(room);
    ids.set(this.#ids);
    this.#columns = larger;
    this.#ids = ids;
  }
}

/** The electrons at the beginning that lie where `isMine` says; the same ones for any dealing. */
export function loadParticles(settings: PlasmaSettings, isMine: (x: number) => boolean): Particles {
  const { particles: total, length, thermal, seedMode, seedAmplitude, seed } = settings;
  const mine = new Particles(16);
  const perBeam = Math.ceil(total / 2);
  const wave = (2 * Math.PI * seedMode) / length;
  for (let id = 0; id < total; id++) {
    const even = (((id >> 1) + 0.5) / perBeam) * length;
    const x = wrap(even + (seedAmplitude / wave) * Math.sin(wave * even), length);
    if (!isMine(x)) continue;
    const { uniform, normal } = createRandom(seed, id);
    const beam = id % 2 === 0 ? 1 : -1;
    const u = [beam + thermal * normal(), thermal * normal(), thermal * normal()];
    mine.add(id, [x, uniform() * length, uniform() * length, ...u]);
  }
  return mine;
}

const wrap = (x: number, length: number): number => {
  const inside = x - Math.floor(x / length) * length;
  return inside < length ? inside : 0;
};

/** The electrons' density at the cells' corners, shared linearly between the two that are next. */
export function deposit(
  settings: PlasmaSettings,
  particles: Particles,
  density: Float64Array,
): void {
  const { cells, length, particles: total } = settings;
  const [xs = new Float64Array()] = particles.columns;
  const share = cells / total;
  const perLength = cells / length;
  density.fill(0);
  for (let i = 0; i < xs.length; i++) {
    const place = (xs[i] ?? 0) * perLength;
    const cell = Math.floor(place);
    const part = place - cell;
    const left = cell % cells;
    const right = (cell + 1) % cells;
    density[left] = (density[left] ?? 0) + (1 - part) * share;
    density[right] = (density[right] ?? 0) + part * share;
  }
}

/**
 * The electric field of that density and of ions of density 1: Gauss' law from cell to cell, then
 * the mean of both sides, so that it takes no momentum from the electrons.
 */
export function solveField(
  settings: PlasmaSettings,
  density: Float64Array,
  field: Float64Array,
): void {
  const { cells, length } = settings;
  const width = length / cells;
  let edge = 0;
  let sum = 0;
  for (let cell = 0; cell < cells; cell++) {
    const before = edge;
    edge += width * (1 - (density[cell] ?? 0));
    field[cell] = (before + edge) / 2;
    sum += (before + edge) / 2;
  }
  for (let cell = 0; cell < cells; cell++) field[cell] = (field[cell] ?? 0) - sum / cells;
}

/** Half a step of acceleration by the electric field. */
export function kick(settings: PlasmaSettings, particles: Particles, field: Float64Array): void {
  const { cells, length, timeStep } = settings;
  const [xs = new Float64Array(), , , us = new Float64Array()] = particles.columns;
  const perLength = cells / length;
  const half = timeStep / 2;
  for (let i = 0; i < xs.length; i++) {
    const place = (xs[i] ?? 0) * perLength;
    const cell = Math.floor(place);
    const part = place - cell;
    const here = (1 - part) * (field[cell % cells] ?? 0) + part * (field[(cell + 1) % cells] ?? 0);
    us[i] = (us[i] ?? 0) - half * here;
  }
}

/** A step of motion: velocities turn about the magnetic field (Boris), positions follow. */
export function drift(settings: PlasmaSettings, particles: Particles): void {
  const { length, timeStep, magnetic } = settings;
  const [xs, ys, zs, us, vs, ws] = particles.columns;
  if (!(xs && ys && zs && us && vs && ws)) return;
  const tangent = (magnetic * timeStep) / 2;
  const cosine = (1 - tangent * tangent) / (1 + tangent * tangent);
  const sine = (2 * tangent) / (1 + tangent * tangent);
  for (let i = 0; i < xs.length; i++) {
    const v = vs[i] ?? 0;
    const w = ws[i] ?? 0;
    vs[i] = cosine * v - sine * w;
    ws[i] = sine * v + cosine * w;
    xs[i] = wrap((xs[i] ?? 0) + timeStep * (us[i] ?? 0), length);
    ys[i] = wrap((ys[i] ?? 0) + timeStep * (vs[i] ?? 0), length);
    zs[i] = wrap((zs[i] ?? 0) + timeStep * (ws[i] ?? 0), length);
  }
}

/** Kinetic energy and momentum along x of these particles, of all those of the plasma. */
export function motion(
  settings: PlasmaSettings,
  particles: Particles,
): { kinetic: number; momentum: number } {
  const weight = settings.length / settings.particles;
  const [, , , us, vs, ws] = particles.columns;
  let kinetic = 0;
  let momentum = 0;
  for (let i = 0; i < particles.count; i++) {
    const u = us?.[i] ?? 0;
    momentum += weight * u;
    kinetic += (weight / 2) * (u * u + (vs?.[i] ?? 0) ** 2 + (ws?.[i] ?? 0) ** 2);
  }
  return { kinetic, momentum };
}

export function fieldEnergy({ cells, length }: PlasmaSettings, field: Float64Array): number {
  let sum = 0;
  for (const value of field) sum += value * value;
  return (sum * length) / cells / 2;
}

/** Amplitude of the field's wave with so many wavelengths. */
export function amplitude(field: Float64Array, mode: number): number {
  let real = 0;
  let imaginary = 0;
  for (const [cell, value] of field.entries()) {
    const angle = (2 * Math.PI * mode * cell) / field.length;
    real += value * Math.cos(angle);
    imaginary += value * Math.sin(angle);
  }
  return (2 * Math.hypot(real, imaginary)) / field.length;
}

/** How fast an amplitude grows: the slope of its logarithm while it grows evenly. */
export function measuredRate(times: readonly number[], amplitudes: readonly number[]): number {
  const most = Math.max(...amplitudes);
  const first = amplitudes[0] ?? 0;
  const end = amplitudes.findIndex((value) => value >= most / 5);
  const begin = amplitudes.findIndex((value) => value >= Math.min(first * 8, most / 50));
  let [n, sumT, sumL, sumTT, sumTL] = [0, 0, 0, 0, 0];
  for (let i = begin; i < end; i++) {
    const t = times[i] ?? 0;
    const l = Math.log(amplitudes[i] ?? 1);
    n += 1;
    sumT += t;
    sumL += l;
    sumTT += t * t;
    sumTL += t * l;
  }
  return n < 3 ? Number.NaN : (n * sumTL - sumT * sumL) / (n * sumTT - sumT * sumT);
}
