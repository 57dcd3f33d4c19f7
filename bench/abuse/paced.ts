const TICK_MS = 4;
/** What a late timer owes beyond this is forgotten, so that no flood comes in bursts. */
const OWED_MS_MAX = 40;

/**
 * Does something so many times a second.
 * @param perSecond - how often
 * @param action - takes how often at once
 * @returns ends it
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
