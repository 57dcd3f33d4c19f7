import { LIMITS } from '../../limits.js';

/**
 * Looks again and again, `LIMITS.reloadWatchMs` after it has looked.
 * @param look - must not reject
 * @returns ends it
 */
export function watch(look: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const next = () => {
    if (ended) return;
    timer = setTimeout(() => void look().then(next), LIMITS.reloadWatchMs);
    timer.unref();
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
