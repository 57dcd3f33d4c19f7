import { SENT_BYTES } from './arena.js';
import type { Judgement } from './capture.js';
import { STACKS, type Stack, strangers } from './stack-catalogue.js';
import { TRIED_CLIENTS } from './tried-clients.js';

/** What came of a test. */
export interface Outcome {
  /** Empty if it has passed. */
  readonly error: string;
  readonly seconds: number;
  /** What tshark has found, at the one that sends first. */
  readonly judgements: readonly Judgement[];
}

/** A pair and its outcome in each way, in the order of `WAYS`. */
export interface PairOutcomes {
  readonly first: Stack;
  readonly second: Stack;
  readonly outcomes: readonly Outcome[];
}

const HEAD = `# Which clients work with the TURN server

\`npm run test:interop\` tests \`turnpike turn\` and \`turnpike relay\` with other implementations
of ICE, WebRTC and TURN and writes this page. It needs root on Debian and some 40 minutes, and
installs what it needs: browsers, Go and other packages. \`npm run test:interop -- --ring\` runs
each stack with itself and with the next only, and \`-- firefox,pion\` only pairs of these, without
writing the page. \`npm test\` runs that ring too, without GStreamer, pion and the browsers, whose
installation takes minutes, and without most of the pairs over two separate servers.

Two agents are on hosts behind a symmetric NAT each. They learn nothing of each other but the
candidates of the relays on which they have their allocations:

- one server: both on one \`turnpike turn\`;
- two servers: the sender's on a \`turnpike turn\`, the receiver's on a \`turnpike relay\`; what
  they exchange goes as bare UDP between the relayed addresses;
- two relays: on two \`turnpike relay\` of a cluster. nftables drop all UDP between these but the
  trunk's, so all that arrives has crossed the trunk.

The one in the row sends ${SENT_BYTES / 1e6} MB to the one in the column, which has to arrive
unchanged. tshark dissects every UDP packet of both hosts. None may be malformed, and none may reach
a host but from its server's port 3478.
`;

const OTHERS = `
## Other clients

\`npm test\` also runs two agents of aioice, and a client of libre (Debian), on loopback. These were
tried by hand, over UDP, with one server; a test does not repeat that:

`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [line(head), `|${'---|'.repeat(head.length)}\n`, ...rows.map(line)].join('');
}

function cellOf(outcomes: readonly Outcome[]): string {
  const texts = outcomes.map(({ error, seconds }) =>
    error === '' ? seconds.toFixed(seconds < 10 ? 1 : 0) : '**failed**',
  );
  return texts.join(' / ');
}

/** The matrix of the stacks that exchange data in one way. */
function matrix(
  title: string,
  exchange: Stack['exchange'],
  pairs: readonly PairOutcomes[],
): string {
  const stacks = STACKS.filter((stack) => stack.exchange === exchange);
  const rows = stacks.map((first) => [
    first.name,
    ...stacks.map((second) => {
      const pair = pairs.find((each) => each.first === first && each.second === second);
      return pair === undefined ? '' : cellOf(pair.outcomes);
    }),
  ]);
  const head = ['from \\ to', ...stacks.map(({ name }) => name)];
  const legend =
    'Seconds over one server / two servers / two relays, from the start of both agents. Empty: ' +
    'not run.';
  return `\n## ${title}\n\n${legend}\n\n${table(head, rows)}`;
}

function wayOf(pairs: readonly PairOutcomes[], stack: Stack): string {
  const [judgement] =
    pairs.find(({ first, second }) => first === stack && second === stack)?.outcomes[0]
      ?.judgements ?? [];
  if (judgement === undefined) return '';
  const { channelData, indications } = judgement;
  return `${channelData} ChannelData, ${indications} indications`;
}

/**
 * Returns the text of docs/interop.md.
 * @param clients - the outcome of each way of coturn's client
 * @param pairs - those that were run
 */
export function interopPage(
  clients: readonly (readonly [string, Outcome])[],
  pairs: readonly PairOutcomes[],
): string {
  const versions = STACKS.map((stack) => [stack.name, stack.version(), wayOf(pairs, stack)]);
  const reasons = STACKS.flatMap((first) =>
    STACKS.filter((second) => STACKS.indexOf(second) > STACKS.indexOf(first))
      .filter((second) => strangers(first, second) !== '')
      .map((second) => `- ${first.name} and ${second.name}: ${strangers(first, second)}.\n`),
  );
  const notRun =
    reasons.length === 0
      ? ''
      : `\nThese cannot reach each other in any network, and are not run:\n\n${reasons.join('')}`;
  const rows = clients.map(([way, { error, judgements }]) => [
    way,
    error === '' ? 'no loss' : `**failed**: ${error}`,
    judgements.map((each) => `${each.channelData} / ${each.indications}`).join(),
  ]);
  return [
    HEAD,
    '\n## Versions\n\nThe last column has what passes the sender of a pair with itself.\n\n',
    table(['Stack', 'Version', 'Data'], versions),
    matrix('Data channels', 'data channel', pairs),
    notRun,
    matrix('Datagrams', 'datagrams', pairs),
    "\n## coturn's client\n\nTwo clients in one process of turnutils_uclient reach each other ",
    'through their allocations on one server.\n\n',
    table(['Way', 'Result', 'ChannelData / indications'], rows),
    OTHERS,
    table(
      ['Client', 'Version', 'Result'],
      TRIED_CLIENTS.map(({ name, version, result }) => [name, version, result]),
    ),
  ].join('');
}
