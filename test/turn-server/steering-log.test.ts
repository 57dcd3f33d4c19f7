import { pino } from 'pino';
import t from 'tap';
import type { SteeringStatus } from '../../src/native/types.js';
import { SteeringLog } from '../../src/turn-server/steering-log.js';

interface Line {
  readonly level: number;
  readonly event: string;
  readonly mode: string;
  readonly reason?: string;
  readonly msg: string;
}

const [INFO, WARN] = [30, 40];

function setUp(steering: SteeringStatus) {
  const lines: Line[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const plane = { steering };
  let now = 0;
  const log = new SteeringLog(plane, { now: () => now, monotonic: () => now }, logger);
  const after = (ms: number, changed: SteeringStatus) => {
    plane.steering = changed;
    now += ms;
    log.check();
  };
  return { lines, after };
}

t.test('the start says by which sockets relayed ports receive', async (t) => {
  t.match(setUp({ mode: 'on' }).lines, [{ level: INFO, event: 'steering', mode: 'on' }]);
  t.match(setUp({ mode: 'off' }).lines, [{ level: INFO, mode: 'off', msg: /own socket$/ }]);
  const { lines } = setUp({ mode: 'off', reason: 'no right' });
  t.match(lines, [{ level: INFO, mode: 'off', reason: 'no right', msg: /own socket: no right$/ }]);
});

t.test('a change is said once, within a second', async (t) => {
  const { lines, after } = setUp({ mode: 'on' });
  lines.length = 0;
  after(999, { mode: 'off', reason: 'detached' });
  t.strictSame(lines, []);
  after(1, { mode: 'off', reason: 'detached' });
  after(5_000, { mode: 'off', reason: 'detached' });
  t.match(lines, [{ level: WARN, event: 'steering', mode: 'off', reason: 'detached' }]);
  t.equal(lines.length, 1);
});
