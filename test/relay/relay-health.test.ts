import { pino } from 'pino';
import t from 'tap';
import { BoundAddresses } from '../../src/http/forwarding-health.js';
import { healthAnswer } from '../../src/http/health.js';
import { WORKER_SILENT_SECONDS, WorkerWatchdog } from '../../src/native/worker-watchdog.js';
import { type RelayHealthFacts, relayHealth } from '../../src/relay/relay-health.js';
import { TestClock } from '../auth/test-clock.js';

const registered = { state: 'registered', everRegistered: true, away: undefined } as const;
const FINE: RelayHealthFacts = {
  closing: false,
  draining: false,
  stuck: [],
  lostAddresses: [],
  registration: registered,
  unreachable: [],
};

function judged(facts: Partial<RelayHealthFacts>) {
  const { live, ready, reasons } = relayHealth({ ...FINE, ...facts });
  return { live, ready, codes: reasons.map(({ code }) => code) };
}

t.test('liveness, readiness and reasons of each state of a relay', async (t) => {
  const never = { state: 'registering', everRegistered: false, away: 'unreachable' } as const;
  const away = { state: 'registered', everRegistered: true, away: 'unreachable' } as const;
  const forgotten = { state: 'registering', everRegistered: true, away: undefined } as const;
  const taken = { state: 'superseded', everRegistered: true, away: undefined } as const;
  const far = [{ id: 'nyc-1', reason: 'no-answer' }];
  const table: [Partial<RelayHealthFacts>, boolean, boolean, string[]][] = [
    [{}, true, true, []],
    [{ registration: undefined }, true, true, []],
    [{ registration: never }, true, false, ['not-registered']],
    [{ registration: away }, true, true, ['directory-away']],
    [{ registration: forgotten }, true, true, ['directory-away']],
    [{ registration: taken }, true, false, ['superseded']],
    [{ unreachable: far }, true, true, ['relays-unreachable']],
    [{ draining: true }, true, false, ['draining']],
    [{ closing: true, draining: true }, true, false, ['closing']],
    [{ lostAddresses: ['192.0.2.1'] }, true, false, ['address-lost']],
    [{ stuck: [{ worker: 1, seconds: 7 }] }, false, false, ['worker-stuck']],
  ];
  for (const [facts, live, ready, codes] of table) {
    t.strictSame(judged(facts), { live, ready, codes }, JSON.stringify(facts));
  }
});

t.test('the detail of relays-unreachable names eight relays and counts the others', async (t) => {
  const unreachable = Array.from({ length: 20 }, (_, n) => ({ id: `r-${n}`, reason: 'no-answer' }));
  const [reason] = relayHealth({ ...FINE, unreachable }).reasons;
  t.match(reason?.detail, /^no way to r-0 \(no-answer\), .*r-7 \(no-answer\) and 12 more$/);
});

t.test(
  'a draining relay answers 200 to a liveness probe and 503 to a readiness probe',
  async (t) => {
    const draining = relayHealth({ ...FINE, draining: true });
    t.match(healthAnswer(draining, 'live'), { status: 200, body: { status: 'ok' } });
    const { status, body } = healthAnswer(draining, 'ready');
    t.equal(status, 503);
    t.match(body, { status: 'failed', reasons: [{ code: 'draining', stops: 'readiness' }] });
  },
);

t.test('a worker is stuck while it has been silent for too long', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  let silentMs = [0, 0];
  const clock = new TestClock();
  const watch = new WorkerWatchdog({ workersSilentMs: () => silentMs }, clock, logger);
  const pass = (seconds: number) => {
    for (let tick = 0; tick < seconds * 10; tick += 1) {
      clock.advance(100);
      watch.check();
    }
  };
  pass(10);
  silentMs = [0, 1];
  pass(WORKER_SILENT_SECONDS - 1);
  t.strictSame(watch.stuck(), []);
  pass(10);
  t.strictSame(watch.stuck(), [{ worker: 1, seconds: WORKER_SILENT_SECONDS + 9 }]);
  silentMs = [0, 0];
  pass(1);
  t.strictSame(watch.stuck(), []);
  t.match(lines, [
    { event: 'worker-stuck', worker: 1 },
    { event: 'worker-back', worker: 1 },
  ]);
  t.equal(lines.length, 2, 'each is logged once');
});

t.test('no worker counts as stuck after the whole process was stopped', async (t) => {
  let silentMs = [0];
  const clock = new TestClock();
  const watch = new WorkerWatchdog(
    { workersSilentMs: () => silentMs },
    clock,
    pino({ enabled: false }),
  );
  watch.check();
  silentMs = [60_000];
  clock.advance(60_000);
  watch.check();
  t.strictSame(watch.stuck(), []);
});

t.test('an address counts as lost only if the host had it', async (t) => {
  const at = (address: string) => ({ address, port: 1 });
  const ips = ['127.0.0.1', '0.0.0.0', '203.0.113.77', '::1'];
  t.strictSame(new BoundAddresses(ips.map(at)).lost(), []);
});
