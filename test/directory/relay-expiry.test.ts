import t from 'tap';
import { ConfirmedSequences } from '../../src/directory/confirmed-sequences.js';
import { type Expiring, RelayExpiry } from '../../src/directory/relay-expiry.js';
import { FakeClock } from './fixtures.js';

/** An item that counts how often its last sign of life is read. */
class Counted implements Expiring {
  reads = 0;
  wheelBucket?: number | undefined;
  #heardMs = 0;

  constructor(
    readonly name: string,
    public expiryMs = 5_000,
  ) {}

  get heardMs(): number {
    this.reads += 1;
    return this.#heardMs;
  }

  set heardMs(ms: number) {
    this.#heardMs = ms;
  }
}

function world() {
  const clock = new FakeClock();
  const expiry = new RelayExpiry<Counted>(clock);
  const sweep = () => expiry.sweep(clock.monotonic()).map(({ name }) => name);
  /** Sweeps every 250 ms. @returns the names of what expired */
  const pass = (ms: number, eachTime: () => void = () => {}) => {
    const expired: string[] = [];
    for (let passed = 0; passed < ms; passed += 250) {
      clock.advance(250);
      eachTime();
      expired.push(...sweep());
    }
    return expired;
  };
  return { clock, expiry, sweep, pass };
}

t.test('each item expires after its own time of silence', async (t) => {
  const { expiry, pass } = world();
  for (const item of [new Counted('short', 5_000), new Counted('long', 20_000)]) expiry.heard(item);
  t.same(pass(4_750), []);
  t.same(pass(250), ['short']);
  t.same(pass(14_750), []);
  t.same(pass(250), ['long']);
  t.same(pass(60_000), [], 'once');
});

t.test('a sweep does not visit items that were heard', async (t) => {
  const { expiry, pass } = world();
  const item = new Counted('alive');
  expiry.heard(item);
  item.reads = 0;
  t.same(
    pass(60_000, () => expiry.heard(item)),
    [],
  );
  // Twice at most in each expiry time and twice when it is heard, in 240 sweeps.
  t.ok(item.reads <= 240 + 2 * (60_000 / 5_000 + 1), `${item.reads} reads`);
});

t.test('a stall counts for nobody, also if a beat is the first thing after it', async (t) => {
  const { clock, expiry, sweep, pass } = world();
  const [silent, beating] = [new Counted('silent'), new Counted('beating')];
  expiry.heard(silent);
  expiry.heard(beating);
  t.same(pass(1_000), []);
  clock.advance(60_000);
  expiry.heard(beating);
  t.same(sweep(), []);
  t.same(pass(3_750), []);
  t.same(pass(250), ['silent']);
  t.same(pass(750), []);
  t.same(pass(250), ['beating'], 'not a minute later');
});

t.test('what waits in a queue is not silent, and what is forgotten does not expire', async (t) => {
  const { clock, expiry } = world();
  const [waiting, gone] = [new Counted('waiting'), new Counted('gone')];
  expiry.heard(waiting);
  expiry.heard(gone);
  expiry.forget(gone);
  const heardUntilMs = clock.monotonic() + 1_000;
  for (let passed = 0; passed < 9_000; passed += 250) {
    clock.advance(250);
    t.same(expiry.sweep(Math.min(clock.monotonic(), heardUntilMs)), []);
  }
  t.same(
    expiry.sweep(clock.monotonic()).map(({ name }) => name),
    ['waiting'],
  );
});

t.test('the lowest confirmed sequence follows joins, confirmations and departures', async (t) => {
  const confirmed = new ConfirmedSequences();
  t.equal(confirmed.lowest, Number.POSITIVE_INFINITY, 'no relay lags behind');
  for (const sequence of [3, 5, 5, 7]) confirmed.add(sequence);
  t.equal(confirmed.lowest, 3);
  confirmed.delete(3);
  t.equal(confirmed.lowest, 5);
  confirmed.delete(5);
  t.equal(confirmed.lowest, 5, 'another one is left there');
  confirmed.add(0);
  t.equal(confirmed.lowest, 0);
  confirmed.delete(0);
  confirmed.add(9);
  confirmed.delete(5);
  t.equal(confirmed.lowest, 7);
  confirmed.delete(7);
  confirmed.delete(9);
  t.equal(confirmed.lowest, Number.POSITIVE_INFINITY);
});
