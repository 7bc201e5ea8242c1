import { LIMITS } from '../../src/core/limits.js';

/** Runs `action` with one limit lowered, so that a test reaches it. */
export function withLimit(name: keyof typeof LIMITS, value: number, action: () => void): void {
  const limits: { -readonly [K in keyof typeof LIMITS]: number } = LIMITS;
  const before = limits[name];
  limits[name] = value;
  try {
    action();
  } finally {
    limits[name] = before;
  }
}
