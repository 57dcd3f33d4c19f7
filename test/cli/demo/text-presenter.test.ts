import t from 'tap';
import type { DemoEvent, Side } from '../../../src/cli/demo/events.js';
import { Progress } from '../../../src/cli/demo/progress.js';
import { TextPresenter } from '../../../src/cli/demo/text-presenter.js';

const HOST: Readonly<Record<Side, number>> = { A: 1, B: 2 };

function peerSteps(peer: Side, other: Side): DemoEvent[] {
  const relayId = `relay-${peer.toLowerCase()}`;
  return [
    { peer, event: 'waiting' },
    {
      peer,
      event: 'answer',
      connectionId: '5f0c'.padEnd(32, '0'),
      relayId,
      relay: `192.0.2.${HOST[peer]}:3478`,
    },
    { peer, event: 'nat-address', address: `203.0.113.${HOST[peer]}:5000` },
    { peer, event: 'connect', peerAddress: `203.0.113.${HOST[other]}:5000` },
    { peer, event: 'established', local: `192.168.1.10:400${HOST[peer]}`, elapsedMs: 12.345 },
  ];
}

const BEGINNING: readonly DemoEvent[] = [
  { event: 'started', nat: 'symmetric' },
  { event: 'network', hosts: 5, elapsedMs: 80 },
  { event: 'directory', url: 'http://192.0.2.10:8443' },
  { event: 'relay', id: 'relay-a', service: '192.0.2.1:3478', trunk: '192.0.2.1:3480' },
  { event: 'relay', id: 'relay-b', service: '192.0.2.2:3478', trunk: '192.0.2.2:3480' },
];

const TRAFFIC: DemoEvent = {
  event: 'traffic',
  second: 1,
  aToB: { mbitPerSecond: 19.2, packetsPerSecond: 2_000, loss: 0 },
  bToA: { mbitPerSecond: 18.9, packetsPerSecond: 1_970, loss: 0.02 },
  rttMs: 0.4142,
};

const STORY: readonly DemoEvent[] = [
  ...BEGINNING,
  ...peerSteps('A', 'B'),
  ...peerSteps('B', 'A'),
  TRAFFIC,
  { ...TRAFFIC, second: 2 },
  {
    event: 'summary',
    seconds: 2.01,
    aToB: { sentPackets: 4_000, receivedPackets: 4_000, receivedBytes: 4.8e6, loss: 0 },
    bToA: { sentPackets: 4_000, receivedPackets: 3_920, receivedBytes: 4.7e6, loss: 0.02 },
  },
];

function tell(
  events: readonly DemoEvent[],
  options: { isTerminal?: boolean; hasColours?: boolean; columns?: number } = {},
): string {
  let text = '';
  const teller = new TextPresenter({
    write: (more) => {
      text += more;
    },
    isTerminal: options.isTerminal ?? false,
    hasColours: options.hasColours ?? false,
    columns: () => options.columns ?? 100,
  });
  for (const event of events) teller.show(event);
  return text;
}

t.test('shows each step once, the path, the traffic and the summary', async (t) => {
  t.equal(
    tell(STORY),
    `
  Turnpike demo: two peers behind symmetric NATs talk through two relays.

  ✓ Network           5 hosts and two symmetric NATs, made in 80 ms
  ✓ Directory         http://192.0.2.10:8443
  ✓ Relay             relay-a: peers at 192.0.2.1:3478, relays at 192.0.2.1:3480
  ✓ Relay             relay-b: peers at 192.0.2.2:3478, relays at 192.0.2.2:3480
  ✓ Directory answer  A uses relay-a, B uses relay-b (connection 5f0c0000…)
  ✓ NAT addresses     A is seen as 203.0.113.1:5000, B as 203.0.113.2:5000
  ✓ Connect           A names 203.0.113.2:5000, B names 203.0.113.1:5000
  ✓ Established       12 ms after the directory's answer

      peer A          192.168.1.10:4001
    ↕ NAT A           203.0.113.1:5000
    ↕ relay-a         192.0.2.1:3478
    ↕ relay-b         192.0.2.2:3478
    ↕ NAT B           203.0.113.2:5000
    ↕ peer B          192.168.1.10:4002

    1 s  A→B 19.2  B→A 18.9 Mbit/s  3,970 packets/s  RTT 0.41 ms  loss 1.00 %
    2 s  A→B 19.2  B→A 18.9 Mbit/s  3,970 packets/s  RTT 0.41 ms  loss 1.00 %

  In 2.0 s
    A → B  4,000 of 4,000 packets, 4.8 MB, loss 0.00 %
    B → A  3,920 of 4,000 packets, 4.7 MB, loss 2.00 %

`,
  );
});

t.test('on a terminal the traffic is one line that is overwritten', async (t) => {
  const text = tell(STORY, { isTerminal: true, columns: 40 });
  const lines = text.split('\n').filter((line) => line.includes('Mbit') || line.includes('A→B'));
  t.equal(lines.length, 1);
  for (const part of lines[0]?.split('\r').slice(1) ?? []) {
    t.ok(part.endsWith('\u001b[K'));
    t.ok(part.length - '\u001b[K'.length < 40, 'it does not wrap');
  }
  const green = '\u001b[32m✓\u001b[39m';
  t.notOk(tell(STORY, { isTerminal: true }).includes(green), 'no colours by default');
  t.ok(tell(STORY, { isTerminal: true, hasColours: true }).includes(green));
});

t.test('the traffic fits a terminal of 80 columns', async (t) => {
  const [line = ''] = tell(STORY, { isTerminal: true, columns: 80 })
    .split('\r')
    .filter((each) => each.includes('Mbit/s'));
  t.match(line, /loss 1\.00 %/);
});

t.test('on loopback no NATs are shown', async (t) => {
  const loopback = STORY.filter((event) => event.event !== 'network').map((event) =>
    event.event === 'started' ? { ...event, nat: null } : event,
  );
  const text = tell(loopback);
  t.notMatch(text, /NAT/);
  t.match(text, /Addresses/);
});

t.test('a failure names the step of the slower peer', async (t) => {
  const progress = new Progress();
  const steps = [...peerSteps('A', 'B'), ...peerSteps('B', 'A')];
  const seen = [...BEGINNING, ...steps].map((event) => {
    progress.note(event);
    return progress.step;
  });
  t.same(seen, [
    ...['Network', 'Directory', 'Relays', 'Relays', 'Directory answer'],
    ...Array.from({ length: 6 }, () => 'Directory answer'),
    ...['NAT addresses', 'Connect', 'Established', 'Traffic'],
  ]);
  const loopback = new Progress();
  loopback.note({ event: 'started', nat: null });
  t.equal(loopback.step, 'Directory');
  const failed = { event: 'failed', step: 'Connect', code: 'ERR_X', message: 'no' } as const;
  t.match(tell([...BEGINNING, TRAFFIC, failed], { isTerminal: true }), /\n {2}✗ Connect failed\n$/);
});
