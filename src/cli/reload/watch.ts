/** Files that may change are looked at this often. */
export const RELOAD_WATCH_MS = 2_000;

/**
 * Looks again and again, `RELOAD_WATCH_MS` after it has looked.
 * @param look - must not reject
 * @returns ends it
 */
export function watch(look: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const next = () => {
    if (ended) return;
    timer = setTimeout(() => void look().then(next), RELOAD_WATCH_MS);
    timer.unref();
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
