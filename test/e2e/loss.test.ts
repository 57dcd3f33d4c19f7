import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { exchange, joinBoth } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

const LOSS_PERCENT = 2;
const PACKETS = 1_000;

setPatience(t, PATIENCE_MS);

t.test(
  'connections are made over two access links with 2 % loss',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const hosts = [
      world.hostBehindNat('a', 'symmetric', [4]),
      world.hostBehindNat('b', 'port-restricted', [4]),
    ] as const;
    await world.start();
    for (const { behind } of hosts) {
      if (behind !== undefined) await world.lab.setLoss(behind, LOSS_PERCENT);
    }
    const [a, b] = await world.peersIn(hosts);

    // Some of twenty set-ups lose a packet, and retransmission must complete each of them.
    const rooms = Array.from({ length: 20 }, (_, number) => `room ${number}`);
    const pairs = await Promise.all(rooms.map((room) => joinBoth(room, [a, b])));
    const [first, ...others] = pairs;
    if (first === undefined) throw new Error('at least one pair');
    await a.close(others.map(([atA]) => atA));

    const settings = { packetsPerSecond: 1_000, payloadBytes: 200 };
    const deliveries = await exchange(first, PACKETS, settings);
    for (const { sent, received } of deliveries) {
      // Two links lose about 40 of a thousand; none, or more than 150, is practically impossible.
      t.ok(received < sent, 'some are lost');
      t.ok(received > sent * 0.85, `most arrive: ${received} of ${sent}`);
    }
    const [counts] = await b.counts([first[1]]);
    const [aToB] = deliveries;
    t.ok(counts !== undefined && counts.missingPackets > 0, 'the receiver counts missing packets');
    t.ok((counts?.missingPackets ?? 0) <= (aToB?.sent ?? 0) - (aToB?.received ?? 0));
  },
);
