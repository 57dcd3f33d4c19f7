import { formatAddress } from '../../address.js';
import { type RelaySecrets, readRelaySecretFile, readSecretFile } from '../../files/secret-file.js';
import type { Relay, RelayUpdate } from '../../relay/index.js';
import { RELAY_BASE_SPECS } from '../../relay/option-specs.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, optionKey, setting, settingFile, settingsOf } from '../config/option.js';
import { FORWARDING_TABLE, forwardingOf } from '../relay-forwarding.js';
import { readSecret } from '../secret-files.js';
import { runServer, SERVER_OPTIONS, type Server } from '../server.js';
import type { CredentialTexts } from '../turn/credential-texts.js';
import { CREDENTIAL_WORDS, TURN_TABLE } from '../turn/turn-options.js';

const RELAY_OPTIONS = {
  id: setting(RELAY_BASE_SPECS, 'id'),
  region: setting(RELAY_BASE_SPECS, 'region'),
  provider: setting(RELAY_BASE_SPECS, 'provider'),
  location: setting(RELAY_BASE_SPECS, 'location'),
  listen: setting(RELAY_BASE_SPECS, 'listen'),
  trunk: setting(RELAY_BASE_SPECS, 'trunk'),
  directory: setting(RELAY_BASE_SPECS, 'directoryUrl', { required: true }),
  relaySecretFile: settingFile(
    RELAY_BASE_SPECS.relaySecret,
    "two lines from `turnpike secret relay ID`: this relay's secret, tenant root",
  ),
  clusterSecretFile: settingFile(
    RELAY_BASE_SPECS.relaySecret,
    'the cluster secret, from which both are derived; convenient, but more to steal',
  ),
  ...FORWARDING_TABLE,
  challengesPerSecond: setting(RELAY_BASE_SPECS, 'challengesPerSecond', {
    item: 'challenge-budget',
  }),
  challengesBurst: setting(RELAY_BASE_SPECS, 'challengesBurst', { item: 'challenge-budget' }),
  advertise: setting(RELAY_BASE_SPECS, 'advertise'),
  advertiseTrunk: setting(RELAY_BASE_SPECS, 'advertiseTrunk'),
  turn: setting(RELAY_BASE_SPECS, 'turn'),
  ...TURN_TABLE,
  ...SERVER_OPTIONS,
} as const satisfies OptionTable;

type RelayContext = CommandContext<typeof RELAY_OPTIONS>;

/** `turnpike relay` */
export const relayCommand = defineCommand({
  path: ['relay'],
  summary: 'run a relay: it forwards between peers and other relays',
  description:
    'Runs a relay. Peers reach it at --listen, other relays at --trunk. It registers with the ' +
    'directory by itself, again and again if need be, and goes on forwarding without it. With ' +
    '--turn, --user, --users-file, --auth-secret-file or --oauth-keys-file it also serves ' +
    'standard TURN at --listen.',
  options: RELAY_OPTIONS,
  rules: [{ type: 'one', options: ['relaySecretFile', 'clusterSecretFile'] }],
  examples: [
    {
      purpose: 'a relay on a public IPv4 address',
      line:
        'turnpike relay --id fra-1 --region fra --listen 192.0.2.10:3478 \\\n' +
        '  --trunk 192.0.2.10:3480 --directory https://dir.example.net \\\n' +
        '  --relay-secret-file fra-1.secret',
    },
    {
      purpose: "behind a cloud provider's one-to-one NAT, with metrics",
      line:
        'turnpike relay --config fra-1.yaml --listen 0.0.0.0:3478 --trunk 0.0.0.0:3480 \\\n' +
        '  --advertise 192.0.2.10:3478 --advertise-trunk 192.0.2.10:3480 --http 127.0.0.1:9100',
    },
    {
      purpose: "the same, with standard TURN for users of the directory's tenants and for alice",
      line:
        'turnpike relay --config fra-1.yaml --turn --user alice:secret \\\n' +
        '  --relay-address 10.0.0.5/192.0.2.10',
    },
  ],
  notes: [
    'An advertise option is given for every --listen (or --trunk), in the same order, or for ' +
      'none; a wildcard address (0.0.0.0, ::) needs one. SIGTERM tells every peer that the relay ' +
      'goes away (Closed 300) and ends within 5 s; a second signal ends it at once. Where it ' +
      'serves TURN, it first waits for the end of allocations, up to --drain-seconds.',
    'Options from --user to --drain-seconds mean what they mean for `turnpike turn`, and count ' +
      'only where TURN is served: docs/turn.md has more.',
  ],
  run: async (context) => runServer(context, openRelay(context)),
});

async function openRelay(context: RelayContext): Promise<Server> {
  const { options, logger } = context;
  await checkAddresses(context);
  const forwarding = forwardingOf(context);
  const { Relay } = await import('../../relay/index.js');
  const { CredentialTexts } = await import('../turn/credential-texts.js');
  const secrets = await readSecrets(context);
  const settings = { ...settingsOf(RELAY_OPTIONS, options), ...forwarding, ...secrets };
  const texts = await CredentialTexts.read(context);
  if (!options.turn) texts.checkFiles('TURN is not served');
  const relay = await Relay.open({ ...settings, ...texts.all, logger });
  const { id } = options;
  const listen = relay.serviceAddresses.map(formatAddress);
  const trunk = relay.trunkAddresses.map(formatAddress);
  return {
    service: {
      health: () => relay.health(),
      metrics: () => relay.metrics(),
      close: () => relay.close(),
      update: texts.updating((settings: RelayUpdate) => relay.update(settings)),
    },
    listening: [
      `relay ${id}: peers at ${listen.join(', ')}, relays at ${trunk.join(', ')}`,
      { id, listen, trunk },
    ],
    ...(await servedTurn(context, relay, texts)),
    stopping: 'draining: peers are told to leave',
    // Another process has taken the relay's id.
    failed: () => new Promise((_, reject) => relay.once('superseded', reject)),
    words: {
      ...CREDENTIAL_WORDS,
      'challenge-budget': ({ challengesPerSecond, challengesBurst }) =>
        `a stranger's address gets ${challengesPerSecond} responses a second, ` +
        `${challengesBurst} at once`,
    },
  };
}

/** Returns what a relay that serves TURN says, reads again and waits for. */
async function servedTurn(
  context: RelayContext,
  relay: Relay,
  texts: CredentialTexts,
): Promise<Pick<Server, 'notes' | 'files' | 'drain'>> {
  const { options, logger } = context;
  const files = texts.files(relay);
  const { turn } = relay;
  if (turn === undefined) {
    warnOfIdleOptions(context);
    return { files };
  }
  const { relayAddressCheck } = await import('../turn/relay-address-check.js');
  const { startLines } = await import('../turn/start-lines.js');
  const { urls, relayAddresses } = turn;
  const server = { listen: relay.serviceAddresses, relayAddresses };
  const { users } = texts.all;
  const passwords = texts.hasPasswords ? 'users' : options.turn ? 'tenants' : 'none';
  const lines = startLines(turn, { ...options, users, passwords });
  return {
    files: [...files, relayAddressCheck({ options, server, logger })],
    notes: [[`TURN server at ${urls.join(', ')}`, { urls, relayAddresses }], ...lines],
    drain: { ms: options.drainSeconds * 1_000, run: (ms) => relay.drain(ms / 1_000) },
  };
}

/** Warns of given options of TURN, which do nothing where no credentials are given. */
function warnOfIdleOptions({ sourceOf, logger }: RelayContext): void {
  const names = Object.keys(TURN_TABLE) as (keyof typeof TURN_TABLE)[];
  // An option that is not given has no source but its name.
  const options = names.map((name) => [name, sourceOf(name)]).filter(([name, is]) => name !== is);
  if (options.length === 0) return;
  const given = options.map(([, source]) => source);
  logger.warn(
    { event: 'turn-not-served', options: given },
    `TURN is not served, so these options do nothing: ${given.join(', ')}; give --turn, --user, ` +
      '--users-file, --auth-secret, --auth-secret-file or --oauth-keys-file',
  );
}

/** Checks the advertised addresses before anything is opened. */
async function checkAddresses({ options, sourceOf }: RelayContext): Promise<void> {
  const { checkAdvertised } = await import('../../relay/advertised-addresses.js');
  const check = (bound: 'listen' | 'trunk', advertised: 'advertise' | 'advertiseTrunk') =>
    checkAdvertised(options[bound], options[advertised], {
      bound: `--${optionKey(bound)}`,
      advertised: `--${optionKey(advertised)}`,
      sourceOf: (which) => sourceOf(which === 'bound' ? bound : advertised),
    });
  check('listen', 'advertise');
  check('trunk', 'advertiseTrunk');
}

async function readSecrets(context: RelayContext): Promise<RelaySecrets> {
  const { id, relaySecretFile } = context.options;
  if (relaySecretFile !== undefined) {
    return readSecret(context, 'relaySecretFile', readRelaySecretFile);
  }
  const { relaySecret, tenantRoot } = await import('../../auth/keys.js');
  const clusterSecret = await readSecret(context, 'clusterSecretFile', readSecretFile);
  return { relaySecret: relaySecret(clusterSecret, id), tenantRoot: tenantRoot(clusterSecret) };
}
