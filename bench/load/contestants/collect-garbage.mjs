/** Collects garbage on SIGUSR2 and prints `collected N`; needs Node's --expose-gc. */
let count = 0;
process.on('SIGUSR2', async () => {
  // Finalizers run after a collection, and the next one returns the memory that they have freed.
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  count += 1;
  console.log(`collected ${count}`);
});
