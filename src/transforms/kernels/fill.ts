/** What is repeated stays in cache from here on. */
const REPEATED_BYTES = 64 * 1_024;

/** Puts an element over and over into bytes that are a whole number of it. */
export function fillWith(target: Uint8Array, element: Uint8Array): void {
  if (element.every((byte) => byte === 0)) {
    target.fill(0);
    return;
  }
  if (target.length === 0) return;
  target.set(element);
  let done = element.length;
  while (done < target.length) {
    const next = Math.min(done, Math.max(REPEATED_BYTES, element.length), target.length - done);
    // A whole number of elements each time.
    const whole = next === target.length - done ? next : next - (next % element.length);
    target.copyWithin(done, 0, whole);
    done += whole;
  }
}
