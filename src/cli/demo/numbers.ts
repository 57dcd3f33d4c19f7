/** Numbers as people read them: a fixed number of digits, so that an updating line stands still. */

/** `4,000` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `19.2`, for a rate in megabits. */
export function rate(value: number): string {
  return value.toFixed(1);
}

/** `0.42 ms`, `123 ms`, `1.2 s`. */
export function milliseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

/** `0.00 %`, `12.5 %`, of a share from 0 to 1. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

/** `24.0 MB` */
export function bytes(value: number): string {
  return `${(value / 1e6).toFixed(1)} MB`;
}
