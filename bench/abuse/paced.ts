const TICK_MS = 4;
/** Maximum delay of the timer that is made up for, so that a flood has no large bursts. */
const OWED_MS_MAX = 40;

/**
 * Performs an action at a constant rate.
 * @param perSecond - times per second
 * @param action - called with how many times are due
 * @returns a function that stops it
 */
export function paced(perSecond: number, action: (times: number) => void): () => void {
  let owed = 0;
  let lastAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    owed += (Math.min(now - lastAt, OWED_MS_MAX) / 1_000) * perSecond;
    lastAt = now;
    const times = Math.floor(owed);
    owed -= times;
    if (times > 0) action(times);
  }, TICK_MS);
  return () => clearInterval(timer);
}
