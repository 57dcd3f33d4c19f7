import t from 'tap';
import { skipReason } from '../e2e/world.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { TestLab } from '../lab/test-lab.js';
import { missingText, missingTools } from '../setup/system-packages.js';
import { TSHARK } from '../setup/system-tools.js';
import { turnClient } from '../setup/test-tools.js';
import { Arena, type Servers, WAYS } from './arena.js';
import { ringOf, STACKS, type Stack } from './stack-catalogue.js';
import { runUclient, UCLIENT_WAYS } from './uclient.js';

/** Those whose installation takes seconds. `npm run test:interop` has the others too. */
const NAMES = ['aiortc', 'werift', 'wrtc', 'node-datachannel', 'aioice', 'libnice'];

setPatience(t, 600_000);

/**
 * Every pair over one server, and over two relays with nothing but a trunk between them. Bare UDP
 * between two servers is the quicker stacks' part, since the servers do not differ by the client.
 */
function waysOf(first: Stack, second: Stack): readonly Servers[] {
  const isQuick = first === second && first.exchange === 'datagrams';
  return WAYS.filter((servers) => servers !== 'two servers' || isQuick);
}

async function ring(): Promise<void> {
  const lab = new TestLab();
  closeAfter(t, lab);
  const arena = new Arena(lab);
  t.teardown(() => arena.close());
  await arena.open();
  const client = turnClient();
  for (const [way, options] of Object.entries(UCLIENT_WAYS)) {
    const skip = client === undefined && "coturn's client is not there";
    t.test(`turnutils_uclient: ${way}`, { skip }, async (t) => {
      const { faults } = await runUclient(arena, client ?? '', options);
      t.strictSame(faults, [], 'tshark finds no fault');
    });
  }
  const stacks = STACKS.filter(({ name }) => NAMES.includes(name));
  for (const [first, second] of ringOf(stacks)) {
    const reason = first.obstacle() || second.obstacle();
    for (const servers of waysOf(first, second)) {
      const title = `${first.name} to ${second.name} over ${servers}`;
      t.test(title, { skip: reason === '' ? false : reason }, async (t) => {
        const { judgements, byTrunk } = await arena.pair([first, second], servers);
        for (const { faults, channelData, indications } of judgements) {
          t.strictSame(faults, [], 'tshark finds no fault');
          t.ok(channelData + indications > 0, 'data has gone through the server');
        }
        if (servers === 'two relays of a cluster') t.ok(byTrunk > 0, 'and over the trunk');
        else t.equal(byTrunk, 0, 'and not over a trunk');
      });
    }
  }
}

const missing = missingTools([TSHARK]);
const reason = skipReason() || (missing.length === 0 ? '' : missingText(missing));
if (reason === '') await ring();
else t.pass('stacks of ICE and WebRTC', { skip: reason });
