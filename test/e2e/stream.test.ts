import { createHash, randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { type LabHost, type LabProcess, parseObject, readLines } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const HALF_BYTES = 256 * 1_024;

/** A `turnpike peer` in stream mode. */
class StreamPeer {
  readonly process: LabProcess;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #wake: () => void = () => {};

  constructor(t: Test, world: World, host: LabHost) {
    const { directoryUrl } = world.accessFrom(host);
    this.process = world.turnpike(host, [
      ...['peer', '--directory', directoryUrl, '--api-key-file', world.secretFile('api')],
      ...['--room', 'stream', '--room-key-file', world.secretFile('room')],
    ]);
    const { stdout, stderr } = this.process.child;
    stdout?.on('data', (chunk: Buffer) => {
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
      this.#wake();
    });
    readLines(stderr, (line) => t.comment(`${host.name}: ${parseObject(line)?.msg ?? line}`));
  }

  write(bytes: Uint8Array): void {
    this.process.child.stdin?.write(bytes);
  }

  end(): void {
    this.process.child.stdin?.end();
  }

  /** Waits until its output has this many bytes. */
  async received(bytes: number): Promise<void> {
    while (this.#bytes < bytes) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

t.test(
  'a byte stream over lossy links survives the loss of its relays',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const hosts = [
      world.hostBehindNat('a', 'symmetric', [4]),
      world.hostBehindNat('b', 'symmetric', [4]),
    ] as const;
    await world.start();
    for (const { behind } of hosts) if (behind !== undefined) await world.lab.setLoss(behind, 2);
    const [a, b] = [new StreamPeer(t, world, hosts[0]), new StreamPeer(t, world, hosts[1])];
    const halves = [randomBytes(HALF_BYTES), randomBytes(HALF_BYTES)] as const;

    a.write(halves[0]);
    b.end();
    await b.received(HALF_BYTES);
    await world.kill('relay-a');
    await world.kill('relay-b');
    await world.startRelay('relay-b');
    a.write(halves[1]);
    a.end();
    t.same(await Promise.all([a.process.ended, b.process.ended]), [
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    t.equal(b.digest(), createHash('sha256').update(Buffer.concat(halves)).digest('hex'));
  },
);
