import t from 'tap';
import type {} from '../../../src/cli/peer/peer-mode.js';
import { statusBetween, statusLine } from '../../../src/cli/peer/status.js';
import { Terminal } from '../../../src/cli/terminal.js';
import type { Traffic } from '../../../src/stream/path.js';
import { fakeLink } from './fake-link.js';

const NOTHING: Traffic = {
  rttMs: undefined,
  bytesIn: 0,
  bytesOut: 0,
  expectedIn: 0,
  receivedIn: 0,
  expectedOut: 0,
  receivedOut: 0,
  dropped: {},
};

t.test('rates and losses are computed over the interval', async (t) => {
  const before = { ...NOTHING, bytesIn: 1_000, expectedIn: 100, receivedIn: 50 };
  const after = {
    ...before,
    rttMs: 12.345,
    bytesIn: 251_000,
    expectedIn: 200,
    receivedIn: 148,
    dropped: { oversized: 3 },
  };
  t.match(statusBetween(before, after, 2), {
    rttMs: 12.3,
    lossIn: 0.02,
    lossOut: undefined,
    bitsPerSecondIn: 1_000_000,
    bitsPerSecondOut: 0,
    bytesIn: 251_000,
  });
  t.equal(
    statusLine(fakeLink(), statusBetween(before, after, 2)),
    'rtt 12.3 ms  in 1.00 Mbit/s loss 2.0 %  out 0.0 kbit/s loss -  ' +
      'dropped 3 oversized  fra-1 <=> 192.0.2.20:3478',
  );
});

t.test('late arrivals do not make the loss negative', async (t) => {
  const after = { ...NOTHING, expectedOut: 10, receivedOut: 12 };
  t.equal(statusBetween(NOTHING, after, 1).lossOut, 0);
});

t.test('the status line before a connection says that the peer waits', async (t) => {
  const line = statusLine(undefined, statusBetween(NOTHING, NOTHING, 1));
  t.equal(line, 'waiting for the other side');
});

t.test('log lines are written above the status line, which is cut to the width', async (t) => {
  let screen = '';
  const output = {
    behind: false,
    write: (text: string) => {
      screen += text;
    },
  };
  const terminal = new Terminal(output, () => ({ columns: 10, rows: 24 }));
  terminal.write('first\n');
  t.equal(screen, 'first\n', 'without a status line nothing is cleared');
  terminal.status('0123456789abc');
  terminal.write('second\n');
  t.equal(screen, 'first\n\r\u001b[K012345678\r\u001b[Ksecond\n012345678');
  screen = '';
  terminal.clear();
  terminal.clear();
  t.equal(screen, '\r\u001b[K');
  screen = '';
  output.behind = true;
  terminal.status('stale by the time it could be shown');
  t.equal(screen, '', 'no status line is queued for a stopped terminal');
});
