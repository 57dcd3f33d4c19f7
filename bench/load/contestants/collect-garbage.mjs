/**
 * Collects garbage on SIGUSR2 and prints `collected N`. The debugger's collection, unlike that of
 * Node's --expose-gc, also gives back the room of the young generation, which V8 itself does only
 * after a minute without work.
 */
import { Session } from 'node:inspector/promises';

let count = 0;
process.on('SIGUSR2', async () => {
  const session = new Session();
  session.connect();
  // Finalizers run after a collection, and the next one returns the memory that they have freed.
  for (let round = 0; round < 3; round++) {
    await session.post('HeapProfiler.collectGarbage');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  session.disconnect();
  count += 1;
  console.log(`collected ${count}`);
});
