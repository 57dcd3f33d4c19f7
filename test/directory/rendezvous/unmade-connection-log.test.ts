import { pino } from 'pino';
import t from 'tap';
import { UnmadeConnectionLog } from '../../../src/directory/rendezvous/unmade-connection-log.js';
import { FakeClock } from '../fixtures.js';

t.test('a replaced connection is logged at most five times a second', async (t) => {
  const lines: { event: string; from?: string; omitted: number; msg: string }[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const clock = new FakeClock();
  const notices = new UnmadeConnectionLog(clock, logger);
  const notice = (avoid: string[], from: string | undefined = '192.0.2.1') =>
    notices.notice({ connectionId: 'c', tenant: 'default', from, avoid });
  notice(['fra-1', 'nyc-1']);
  t.match(lines, [
    {
      event: 'connection-unmade',
      from: '192.0.2.1',
      avoid: ['fra-1', 'nyc-1'],
      msg: 'a peer at 192.0.2.1 could not connect and asks again: not by fra-1, nyc-1',
    },
  ]);
  for (let n = 0; n < 99; n += 1) notice([]);
  t.equal(lines.length, 5);
  clock.advance(1_000);
  notice([]);
  t.match(lines[5], { omitted: 95, msg: /it does not say why/ });
  clock.advance(1_000);
  notice([]);
  t.match(lines[6], { omitted: 0 });
  t.equal(notices.count, 102);
});
