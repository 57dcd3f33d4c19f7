import { formatAddress } from '../../address.js';
import { CHALLENGE_SPECS } from '../../auth/option-specs.js';
import type { RelaySecrets } from '../../auth/secret-file.js';
import { FORWARDING_SPECS } from '../../native/option-specs.js';
import { SPECS } from '../../options/shared-specs.js';
import type { Relay } from '../../relay/index.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option, optionKey, required } from '../config/option.js';
import { EXIT } from '../exit-codes.js';
import { openOperatorHttp } from '../operator-http.js';
import { FORWARDING_TABLE, forwardingOf } from '../relay-forwarding.js';
import { sayReload } from '../reload/say-reload.js';
import { FixedFile } from '../reload/watched-text.js';
import { readRelaySecret, readSecret } from '../secret-files.js';
import { aborted } from '../signals.js';

/** A drain that takes longer than this is cut short. */
export const RELAY_STOP_MS = 4_500;

const RELAY_OPTIONS = {
  id: required(SPECS.name, 'name of this relay, unique in the cluster', { placeholder: 'ID' }),
  region: required(SPECS.name, 'where it is, such as `fra`', { placeholder: 'REGION' }),
  listen: required(FORWARDING_SPECS.addresses, 'UDP address for peers; one for IPv4, one for IPv6'),
  trunk: required(FORWARDING_SPECS.addresses, 'UDP address for other relays'),
  directory: required(SPECS.directoryUrl, 'the directory to register with'),
  relaySecretFile: option(
    SPECS.file,
    "two lines from `turnpike secret relay ID`: this relay's secret, tenant root",
  ),
  clusterSecretFile: option(
    SPECS.file,
    'the cluster secret, to derive both from; convenient, but more to steal',
  ),
  ...FORWARDING_TABLE,
  challengesPerSecond: option(
    CHALLENGE_SPECS.challengesPerSecond,
    'answers to strangers that one address may cost per second',
  ),
  challengesBurst: option(CHALLENGE_SPECS.challengesBurst, 'the same at once'),
  advertise: option(
    FORWARDING_SPECS.addresses,
    'what peers are told instead of --listen, in the same order',
  ),
  advertiseTrunk: option(
    FORWARDING_SPECS.addresses,
    'what relays are told instead of --trunk, in the same order',
  ),
  http: option(SPECS.address, 'serve /metrics, /healthz and /readyz here', { defaultText: 'off' }),
} as const satisfies OptionTable;

type RelayContext = CommandContext<typeof RELAY_OPTIONS>;

/** `turnpike relay` */
export const relayCommand = defineCommand({
  path: ['relay'],
  summary: 'run a relay: it forwards between peers and other relays',
  description:
    'Runs a relay. Peers reach it at --listen, other relays at --trunk. It registers with the ' +
    'directory by itself, again and again if need be, and goes on forwarding without it.',
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
  ],
  notes: [
    'An advertise option is given for every --listen (or --trunk), in the same order, or for ' +
      'none; a wildcard address (0.0.0.0, ::) needs one. SIGTERM tells every peer that the relay ' +
      'goes away (Closed 300) and ends within 5 s; a second signal ends it at once.',
  ],
  reloadable: ['challengesPerSecond', 'challengesBurst'],
  run: async (context) => {
    const { options, logger, stop } = context;
    await checkAddresses(context);
    const forwarding = forwardingOf(context);
    const { Relay } = await import('../../relay/index.js');
    const secrets = await readSecrets(context);
    const relay = await Relay.open({
      id: options.id,
      region: options.region,
      listen: options.listen,
      trunk: options.trunk,
      advertise: options.advertise,
      advertiseTrunk: options.advertiseTrunk,
      ...secrets,
      directoryUrl: options.directory,
      ...forwarding,
      challengesPerSecond: options.challengesPerSecond,
      challengesBurst: options.challengesBurst,
      logger,
    });
    try {
      await reloadable(context, relay);
      await serve(context, relay);
    } finally {
      await closeInTime(context, relay);
    }
    logger.info({ event: 'stopped', signal: stop.reason }, 'stopped');
    return EXIT.ok;
  },
});

async function serve({ options, logger, stop }: RelayContext, relay: Relay): Promise<void> {
  const http = options.http === undefined ? undefined : await openOperatorHttp(options.http, relay);
  try {
    const listen = relay.serviceAddresses.map(formatAddress);
    const trunk = relay.trunkAddresses.map(formatAddress);
    logger.info(
      { event: 'listening', id: options.id, listen, trunk, ...(http && { http: http.url }) },
      `relay ${options.id}: peers at ${listen.join(', ')}, relays at ${trunk.join(', ')}`,
    );
    await Promise.race([aborted(stop), superseded(relay)]);
    logger.info({ event: 'stopping', signal: stop.reason }, 'draining: peers are told to leave');
  } finally {
    await http?.close();
  }
}

/** What SIGHUP does besides the log's level. */
async function reloadable(context: RelayContext, relay: Relay): Promise<void> {
  const { options, logger, onReload } = context;
  const { relaySecretFile, clusterSecretFile = '' } = options;
  const secret =
    relaySecretFile === undefined
      ? await FixedFile.read('cluster-secret-file', clusterSecretFile)
      : await FixedFile.read('relay-secret-file', relaySecretFile);
  let { challengesPerSecond: perSecond, challengesBurst: burst } = options;
  onReload(async (next) => {
    const changed = next.challengesPerSecond !== perSecond || next.challengesBurst !== burst;
    ({ challengesPerSecond: perSecond, challengesBurst: burst } = next);
    relay.setChallengeBudget({ perSecond, burst });
    const detail = `strangers at one address get ${perSecond} answers a second, ${burst} at once`;
    sayReload(logger, 'challenge-budget', changed ? 'changed' : 'unchanged', detail);
    await secret.check(logger);
  });
}

/** Rejects when another process has taken the relay's id: one of the two must go. */
function superseded(relay: Relay): Promise<never> {
  return new Promise((_, reject) => relay.once('superseded', reject));
}

/** Ends the process itself when the relay's orderly close takes longer than an operator waits. */
async function closeInTime({ logger, leave }: RelayContext, relay: Relay): Promise<void> {
  const timer = setTimeout(() => {
    logger.error({ event: 'stop-timeout' }, `not closed within ${RELAY_STOP_MS} ms: leaving`);
    leave(EXIT.failed);
  }, RELAY_STOP_MS);
  await relay.close();
  clearTimeout(timer);
}

/** Refuses before anything is opened what others could not be told. */
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

async function readSecrets({ options, logger, sourceOf }: RelayContext): Promise<RelaySecrets> {
  const { id, relaySecretFile, clusterSecretFile = '' } = options;
  const file = (name: 'relaySecretFile' | 'clusterSecretFile', path: string) => ({
    path,
    source: sourceOf(name),
    logger,
  });
  if (relaySecretFile !== undefined) {
    return readRelaySecret(file('relaySecretFile', relaySecretFile));
  }
  const { relaySecret, tenantRoot } = await import('../../auth/keys.js');
  const clusterSecret = await readSecret(file('clusterSecretFile', clusterSecretFile));
  return { relaySecret: relaySecret(clusterSecret, id), tenantRoot: tenantRoot(clusterSecret) };
}
