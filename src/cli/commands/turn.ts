import { SPECS } from '../../options/shared-specs.js';
import { TURN_SETTINGS } from '../../turn-server/option-specs.js';
import type { TurnServerUpdate } from '../../turn-server/options.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option, setting, settingsOf } from '../config/option.js';
import { runServer, SERVER_OPTIONS, type Server } from '../server.js';
import { CREDENTIAL_WORDS, TURN_TABLE } from '../turn/turn-options.js';
import { XDP_TABLE, xdpOf } from '../xdp-options.js';

const TURN_OPTIONS = {
  coturnConfig: option(
    SPECS.file,
    'a turnserver.conf of coturn, whose settings count where no option is given; the start says ' +
      'what becomes of each',
    { changes: 'while running' },
  ),
  listen: setting(TURN_SETTINGS, 'listen'),
  ...TURN_TABLE,
  binding: setting(TURN_SETTINGS, 'binding'),
  natDiscovery: setting(TURN_SETTINGS, 'natDiscovery'),
  workers: setting(TURN_SETTINGS, 'workers'),
  coalescing: setting(TURN_SETTINGS, 'coalescingUs'),
  busyPoll: setting(TURN_SETTINGS, 'busyPollUs'),
  cpus: setting(TURN_SETTINGS, 'cpus'),
  ...XDP_TABLE,
  ...SERVER_OPTIONS,
} as const satisfies OptionTable;

type TurnContext = CommandContext<typeof TURN_OPTIONS>;

/** `turnpike turn` */
export const turnCommand = defineCommand({
  path: ['turn'],
  summary: 'run a TURN server: any WebRTC or ICE client can use it',
  description:
    'Runs a stand-alone TURN server over UDP (RFC 8656), which needs no directory. Any ICE ' +
    'client can use it with a user of --user or --users-file, or with time-limited credentials ' +
    'of --auth-secret-file, or with access tokens (RFC 7635) for the keys of --oauth-keys-file. ' +
    'The start prints its URLs.',
  options: TURN_OPTIONS,
  rules: [
    {
      type: 'some',
      options: ['user', 'usersFile', 'authSecret', 'authSecretFile', 'oauthKeysFile'],
      because: 'without credentials it would relay for everybody; for example --user alice:secret',
    },
  ],
  otherFile: {
    option: 'coturnConfig',
    read: async (path, context) => {
      const { readCoturnConfig } = await import('../coturn/read-coturn-config.js');
      return readCoturnConfig(path, context);
    },
  },
  examples: [
    { purpose: 'a server for one user', line: 'turnpike turn --user alice:secret' },
    {
      purpose: "behind a cloud provider's one-to-one NAT, users in a file, with metrics",
      line:
        'turnpike turn --relay-address 10.0.0.5/192.0.2.10 --realm turn.example.net \\\n' +
        '  --users-file users.txt --http 127.0.0.1:9100',
    },
    {
      purpose: 'behind a NAT whose outer address a STUN server tells, as in Docker',
      line:
        'turnpike turn --relay-address auto --stun-server stun.example.net \\\n' +
        '  --users-file users.txt',
    },
    {
      purpose: 'time-limited credentials that a web service mints; peers in one private network',
      line:
        'turnpike turn --auth-secret-file turn.secret --user-quota 10 \\\n' +
        '  --allow-peer 10.20.0.0/16',
    },
    {
      purpose: "with coturn's configuration; another port to try it on beside coturn",
      line:
        'turnpike turn --coturn-config /etc/turnserver.conf \\\n' +
        '  --listen 0.0.0.0:3479 --relay-ports 40000-49151',
    },
  ],
  notes: [
    'Peers in private, loopback and other special networks are refused unless --allow-peer or ' +
      '--allow-private-peers allows them; the more specific of two ranges counts. Open the port ' +
      'of --listen and the range of --relay-ports (UDP) in the firewall.',
    'SIGTERM refuses new allocations (300 where --alternate-server is given), waits for the ' +
      'existing ones up to --drain-seconds, and ends those that are left; a second signal ends ' +
      'it at once. A user or peer that a reload removes loses its allocations or permissions. ' +
      'docs/turn.md has more.',
  ],
  run: async (context) => runServer(context, openTurnServer(context)),
});

async function openTurnServer(context: TurnContext): Promise<Server> {
  const { options, logger } = context;
  const { TurnServer } = await import('../../turn-server/index.js');
  const { CredentialTexts } = await import('../turn/credential-texts.js');
  const { relayAddressCheck } = await import('../turn/relay-address-check.js');
  const { startLines } = await import('../turn/start-lines.js');
  const texts = await CredentialTexts.read(context);
  texts.checkFiles('nobody could use the server');
  const credentials = texts.all;
  const passwords = texts.hasPasswords ? 'users' : 'none';
  const settings = { ...settingsOf(TURN_OPTIONS, options), ...credentials, xdp: xdpOf(context) };
  const server = await TurnServer.open({ ...settings, logger });
  const { urls, listen, relayAddresses } = server;
  return {
    service: {
      health: () => server.health(),
      metrics: () => server.metrics(),
      close: () => server.close(),
      update: texts.updating((settings: TurnServerUpdate) => server.update(settings)),
    },
    listening: [`TURN server at ${urls.join(', ')}`, { urls, listen, relayAddresses }],
    notes: startLines(server, { ...options, users: credentials.users, passwords }),
    stopping: 'draining: new clients are refused',
    drain: { ms: options.drainSeconds * 1_000, run: (ms) => server.drain(ms / 1_000) },
    files: [...texts.files(server), relayAddressCheck({ options, server, logger })],
    words: CREDENTIAL_WORDS,
  };
}
