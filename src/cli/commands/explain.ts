import { TurnpikeError } from '../../errors.js';
import { SPECS } from '../../options/shared-specs.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option } from '../config/option.js';
import { EXIT } from '../exit-codes.js';
import { readApiKey, readSecret } from '../secret-files.js';

const EXPLAIN_OPTIONS = {
  directory: option(SPECS.directoryUrl, 'the directory that chose the relays', { required: true }),
  operatorKeyFile: option(
    SPECS.file,
    "the operator key of the directory: one line, which `turnpike directory`'s option of this " +
      'name reads',
    { required: true },
  ),
  peer: option(
    { kind: 'text', repeat: true, lengthMin: 1, lengthMax: 45, words: 'an IP address' },
    'in place of a connection: public address of a peer, once for each of the two',
    { placeholder: 'ADDRESS' },
  ),
  snapshot: option(
    { kind: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    'with --peer: number of the snapshot that an answer names',
    { defaultText: 'the newest' },
  ),
  seed: option(
    { kind: 'integer', minimum: 0, maximum: 0xffff_ffff },
    'with --peer: seed that an answer names',
    { defaultText: 'a random one' },
  ),
  json: option({ kind: 'boolean' }, 'print the explanation as JSON'),
} as const satisfies OptionTable;

type ExplainContext = CommandContext<typeof EXPLAIN_OPTIONS>;

const USE = '--directory https://directory.example.org --operator-key-file operator.key';

/** `turnpike explain` */
export const explainCommand = defineCommand({
  path: ['explain'],
  summary: 'say why a directory chose a pair of relays',
  description:
    'Prints why a directory chose the relays of a connection, as tables: the pairs of regions ' +
    'with each term of their cost, what was drawn by free capacity, and which relays were ' +
    'withheld and why. The directory makes the selection again from its snapshot and seed, so ' +
    'nothing of it is stored.',
  arguments: [
    {
      name: 'CONNECTION-ID',
      description: 'connectionId of an answer of this directory; else give --peer twice',
      optional: true,
    },
  ],
  options: EXPLAIN_OPTIONS,
  examples: [
    {
      purpose: 'why did this connection get its relays? Ask within a minute or so',
      line: `turnpike explain 5f0c3a7d5f0c3a7d5f0c3a7d5f0c3a7d ${'\\'}\n  ${USE}`,
    },
    {
      purpose: 'which relays would two peers at these addresses get now, and why?',
      line: `turnpike explain --peer 203.0.113.7 --peer 198.51.100.9 ${'\\'}\n  ${USE}`,
    },
    {
      purpose: 'the same, as it was at a snapshot and with the seed that an answer names',
      line:
        `turnpike explain --snapshot 1234 --seed 99 ${'\\'}\n` +
        `  --peer 203.0.113.7 --peer 198.51.100.9 ${'\\'}\n  ${USE}`,
    },
  ],
  notes: [
    'Costs are in milliseconds, rounded to a hundredth, and each row adds up to its total: ' +
      'leg, load and price of both peers, the trunk, and the price of sharing one relay. ' +
      'docs/selection.md explains each term.',
    'A snapshot is kept for as long as there is room: at least the last 16 by which relays were ' +
      'chosen, up to 1,024 of a small fleet. After that the directory answers 410 snapshot-gone.',
  ],
  run: async (context) => {
    const { options, io } = context;
    const body = requestOf(context);
    const key = await readSecret(context, 'operatorKeyFile', (path, source) =>
      readApiKey(path, source),
    );
    const { askExplanation } = await import('../explain/ask-explanation.js');
    const { explanationText } = await import('../explain/explanation-text.js');
    const explanation = await askExplanation(options.directory, key, body, context.stop);
    const text = options.json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation);
    io.stdout.write(text);
    return EXIT.ok;
  },
});

/** Returns the body of the request; throws where arguments and options do not fit together. */
function requestOf({ arguments: [connectionId], options }: ExplainContext): object {
  const { peer, snapshot, seed } = options;
  const hasPeers = peer.length > 0;
  if (connectionId !== undefined) {
    if (hasPeers || snapshot !== undefined || seed !== undefined) {
      throw invalid('give either a CONNECTION-ID, or --peer with --snapshot and --seed');
    }
    if (!/^[0-9a-f]{32}$/i.test(connectionId)) {
      throw invalid(`${JSON.stringify(connectionId)} is no CONNECTION-ID: expected 32 hex digits`);
    }
    return { connectionId: connectionId.toLowerCase() };
  }
  if (peer.length !== 2) {
    throw invalid('give a CONNECTION-ID, or --peer twice: once for each of the two peers');
  }
  return { peers: peer.map((address) => ({ address })), snapshot, seed };
}

function invalid(message: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}
