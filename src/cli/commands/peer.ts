import { randomBytes } from 'node:crypto';
import { formatAddress } from '../../address.js';
import { systemClock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { readSecretFile } from '../../files/secret-file.js';
import { SPECS } from '../../options/shared-specs.js';
import { UDP_FLOW_IDLE_MS, UDP_FLOWS_MAX } from '../../udp-tunnel/flows.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option } from '../config/option.js';
import type { PeerMode } from '../peer/peer-mode.js';
import { readApiKey, readSecret } from '../secret-files.js';

/** Default of `--reconnect-seconds` for a byte stream. */
const STREAM_RECONNECT_SECONDS = 60;

const PEER_OPTIONS = {
  directory: option(SPECS.directoryUrl, 'the directory where both sides meet', {
    required: true,
  }),
  apiKeyFile: option(
    SPECS.file,
    'the API key of a tenant: one line, the same tenant on both sides',
    { required: true },
  ),
  room: option(SPECS.room, 'the name under which the two sides find each other', {
    required: true,
    placeholder: 'NAME',
  }),
  region: option(SPECS.name, "preferred region of this side's relay"),
  measure: option(
    { kind: 'choice', choices: ['on', 'off'], default: 'on' },
    'whether to ping relays before it joins, so that it is given a near one: within 300 ms',
  ),
  roomKeyFile: option(
    SPECS.file,
    'key that seals the byte stream: one line of base64, the same on both sides, never sent',
  ),
  udpListen: option(
    SPECS.address,
    'carry UDP instead of a byte stream: local address that applications send to',
  ),
  udpForward: option(
    SPECS.address,
    'carry UDP instead of a byte stream: address to forward datagrams to',
  ),
  statusSeconds: option(
    { kind: 'integer', default: 10, minimum: 1, maximum: 86_400 },
    'interval of status lines in the log, in seconds (a terminal shows one live line instead)',
  ),
  reconnectSeconds: option(
    { kind: 'integer', minimum: 0, maximum: 86_400 },
    'time after which a lost connection is given up, in seconds; 0: never',
    { defaultText: `${STREAM_RECONNECT_SECONDS} for a byte stream, 0 for UDP` },
  ),
} as const satisfies OptionTable;

type PeerContext = CommandContext<typeof PEER_OPTIONS>;

/** `turnpike peer` */
export const peerCommand = defineCommand({
  path: ['peer'],
  summary: 'netcat for machines behind NATs: a byte stream, or UDP for any application',
  description:
    'Meets another `turnpike peer` in a room of the directory and connects to it through two ' +
    "relays. By default standard input comes out at the other side's standard output, both " +
    'ways, in order, complete and sealed with AES-256-GCM. With --udp-listen or --udp-forward ' +
    'it carries the datagrams of a local application instead.',
  options: PEER_OPTIONS,
  rules: [{ type: 'at-most-one', options: ['udpListen', 'udpForward'] }],
  examples: [
    {
      purpose: 'a key for the two sides, made once and copied to both',
      line: '(umask 077; turnpike secret new > room.key)',
    },
    {
      purpose: 'send a folder; on the other machine, receive it',
      line:
        'tar c photos | turnpike peer --config peer.yaml --room photos\n' +
        'turnpike peer --config peer.yaml --room photos < /dev/null | tar x',
    },
    {
      purpose: 'WireGuard: one side has `Endpoint = 127.0.0.1:51821`, the other listens at 51820',
      line:
        'turnpike peer --config peer.yaml --room wg --udp-listen 127.0.0.1:51821\n' +
        'turnpike peer --config peer.yaml --room wg --udp-forward 127.0.0.1:51820',
    },
  ],
  notes: [
    'A byte stream needs --room-key-file. It ends when both inputs have ended; give a side that ' +
      'has nothing to send `< /dev/null`. If input is a terminal and output is not, the end of ' +
      "the other side's stream ends both. A connection that is lost is replaced, and no byte " +
      'is lost or doubled; cut short by a signal, the exit code is 130 or 143.',
    "UDP payloads are carried as they are: encrypting them is the application's part. A listener " +
      `serves up to ${UDP_FLOWS_MAX} local applications at once, each with a socket of its ` +
      'own at the forwarding side; one that is silent for ' +
      `${UDP_FLOW_IDLE_MS / 1_000} s is forgotten.`,
  ],
  run: async (context) => {
    const { options, logger, terminal, io, stop } = context;
    const { Peer } = await import('../../client/index.js');
    const { logJoinProgress } = await import('../peer/peer-log.js');
    const { runMode } = await import('../peer/mode-runner.js');
    const { StatusReporter } = await import('../peer/status.js');
    const isStream = checkMode(context);
    const apiKey = await readSecret(context, 'apiKeyFile', readApiKey);
    const { directory, room, region, statusSeconds } = options;
    const measure = options.measure === 'on';
    const mode = await openMode(context);
    const clock = systemClock;
    // The live line must not mix with typed input or received output.
    if (isStream && (io.stdin.isTTY === true || io.stdout.isTTY === true)) terminal?.pin();
    const reporter = new StatusReporter({
      traffic: () => mode.traffic(),
      clock,
      logger,
      terminal,
      intervalMs: statusSeconds * 1_000,
    });
    const reconnectSeconds = options.reconnectSeconds ?? (isStream ? STREAM_RECONNECT_SECONDS : 0);
    try {
      return await runMode({
        join: (signal) =>
          Peer.join({
            ...{ directoryUrl: directory, apiKey, room, region, measure, signal },
            reconnect: {
              fromStart: true,
              ...(reconnectSeconds === 0 ? {} : { giveUpMs: reconnectSeconds * 1_000 }),
            },
            onProgress: (progress) => logJoinProgress(logger, progress),
          }),
        mode,
        logger,
        clock,
        stop,
        onLink: (link) => reporter.show(link),
      });
    } finally {
      await mode.close();
      reporter.close();
    }
  },
});

/** Returns whether the options ask for a byte stream; throws where they do not fit together. */
function checkMode({ options, sourceOf }: PeerContext): boolean {
  const isStream = options.udpListen === undefined && options.udpForward === undefined;
  if (isStream && options.roomKeyFile === undefined) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      'a byte stream needs --room-key-file, the same key on both sides ' +
        '(`turnpike secret new` makes one); for UDP give --udp-listen or --udp-forward',
    );
  }
  if (!isStream && options.roomKeyFile !== undefined) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `${sourceOf('roomKeyFile')}: UDP payloads are not sealed, so a room key would only seem ` +
        'to protect them; leave it out',
    );
  }
  return isStream;
}

async function openMode(context: PeerContext): Promise<PeerMode> {
  const { options, logger, io } = context;
  const { udpListen, udpForward } = options;
  const address = udpListen ?? udpForward;
  if (address !== undefined) {
    const { UdpTunnel } = await import('../../udp-tunnel/udp-tunnel.js');
    const type = udpListen === undefined ? 'forward' : 'listen';
    const mode = await UdpTunnel.open({ local: { type, address }, clock: systemClock, logger });
    const local = mode.localAddress === undefined ? undefined : formatAddress(mode.localAddress);
    const what =
      type === 'listen' ? `taking UDP at ${local}` : `handing UDP to ${formatAddress(address)}`;
    logger.info({ event: 'udp', local, [type]: formatAddress(address) }, what);
    logger.warn("UDP payloads are carried as they are: encrypting them is the application's part");
    return mode;
  }
  const { StreamMode } = await import('../peer/stream-mode.js');
  const roomKey = await readSecret(context, 'roomKeyFile', readSecretFile);
  return new StreamMode({ io, roomKey, clock: systemClock, random: randomBytes });
}
