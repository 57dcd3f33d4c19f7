import { pino } from 'pino';
import t from 'tap';
import { ForwardingLog } from '../../src/native/forwarding-log.js';

function setUp() {
  const lines: { event: string; datagrams?: number }[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const counters = { segments_refused: 0n, receive_dropped: 0n };
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const notices = new ForwardingLog({ counters: () => counters }, clock, logger);
  const after = (ms: number) => {
    now += ms;
    notices.check();
    return lines.splice(0).map(({ event, datagrams }) => {
      return datagrams === undefined ? event : [event, datagrams];
    });
  };
  return { counters, after };
}

t.test('nothing is logged while the counters are zero', async (t) => {
  const { after } = setUp();
  t.same(after(10_000), []);
});

t.test('refused segments are logged once', async (t) => {
  const { counters, after } = setUp();
  counters.segments_refused = 1n;
  t.same(after(4_999), [], 'before the first check');
  t.same(after(1), ['segments-refused']);
  counters.segments_refused = 9n;
  t.same(after(100_000), []);
});

t.test('new drops are logged at most once a minute, with their number', async (t) => {
  const { counters, after } = setUp();
  counters.receive_dropped = 7n;
  t.same(after(5_000), [['receive-dropped', 7]]);
  counters.receive_dropped = 20n;
  t.same(after(30_000), []);
  t.same(after(30_000), [['receive-dropped', 13]]);
  t.same(after(120_000), []);
});
