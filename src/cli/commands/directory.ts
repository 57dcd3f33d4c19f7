import type { Logger } from 'pino';
import { systemClock } from '../../clock.js';
import type { Directory } from '../../directory/index.js';
import { type AddressDatabase, placesOf } from '../../directory/mmdb-places.js';
import { DIRECTORY_SPECS } from '../../directory/options.js';
import type { SelectionSettings } from '../../directory/selection-settings.js';
import { readSecretFile } from '../../files/secret-file.js';
import { readTlsPair, type TlsPair } from '../../files/tls-pair.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, setting, settingFile, settingsOf } from '../config/option.js';
import { AddressDatabases, type DatabasePaths } from '../reload/address-databases.js';
import { sayReload } from '../reload/say-reload.js';
import { RELOAD_WATCH_MS, WatchedFile } from '../reload/watched-file.js';
import { WatchedTlsFiles } from '../reload/watched-tls-files.js';
import { awaitRead, readApiKey, readSecret, warnIfReadable } from '../secret-files.js';
import { readSelectionFile } from '../selection-file.js';
import { runServer, SERVER_OPTIONS, type Server } from '../server.js';

const DIRECTORY_OPTIONS = {
  listen: setting(DIRECTORY_SPECS, 'listen'),
  clusterSecretFile: settingFile(
    DIRECTORY_SPECS.clusterSecret,
    'the cluster secret: one line of base64, from `turnpike secret new`',
    { required: true },
  ),
  apiKeyFile: settingFile(
    DIRECTORY_SPECS.apiKeys,
    'the API key of tenant `default`: one line, which peers present',
    { required: true },
  ),
  operatorKeyFile: settingFile(
    DIRECTORY_SPECS.operatorKeys,
    'a key of operators: one line, with which `turnpike explain` asks why relays were chosen',
  ),
  tlsCert: settingFile(DIRECTORY_SPECS.tls, 'certificate chain in PEM', { item: 'tls' }),
  tlsKey: settingFile(DIRECTORY_SPECS.tls, "the certificate's private key in PEM", { item: 'tls' }),
  trustedProxy: setting(DIRECTORY_SPECS, 'trustedProxies'),
  asnDatabase: settingFile(
    DIRECTORY_SPECS.places,
    "MaxMind database (mmdb) of the autonomous systems of peers' addresses",
    { item: 'address-databases' },
  ),
  countryDatabase: settingFile(
    DIRECTORY_SPECS.places,
    "MaxMind database (mmdb) of the countries or cities of peers' addresses",
    { item: 'address-databases' },
  ),
  selectionFile: settingFile(
    DIRECTORY_SPECS.selection,
    "YAML file of weights, providers' prices, and the relays that tenants are allowed",
  ),
  ...SERVER_OPTIONS,
} as const satisfies OptionTable;

type DirectoryContext = CommandContext<typeof DIRECTORY_OPTIONS>;
type DirectoryOptions = DirectoryContext['options'];

/** `turnpike directory` */
export const directoryCommand = defineCommand({
  path: ['directory'],
  summary: 'run a directory: it picks a pair of relays for two peers',
  description:
    'Runs the directory. Relays register with it, and a peer that holds the API key asks it for ' +
    'a connection. Everything it knows of relays is in memory and comes back by itself after a ' +
    'restart; connections that exist go on without it.',
  options: DIRECTORY_OPTIONS,
  rules: [{ type: 'together', options: ['tlsCert', 'tlsKey'] }],
  examples: [
    {
      purpose: 'make the two secrets once',
      line: '(umask 077; turnpike secret new > cluster.secret; turnpike secret new > api.key)',
    },
    {
      purpose: 'a directory for this machine only',
      line:
        'turnpike directory --listen 127.0.0.1:8080 --cluster-secret-file cluster.secret \\\n' +
        '  --api-key-file api.key',
    },
    {
      purpose: 'on a public address, with TLS, options from a file',
      line: 'turnpike directory --config directory.yaml --tls-cert cert.pem --tls-key key.pem',
    },
  ],
  notes: [
    '/healthz and /readyz are at --listen as well, for load balancers; /metrics, which names ' +
      'tenants, is at --http only.',
    'Without TLS the API key and the credentials of peers cross the network in the clear: keep ' +
      'the listener on loopback behind a TLS proxy, or give --tls-cert and --tls-key.',
  ],
  run: async (context) => runServer(context, openDirectory(context)),
});

async function openDirectory(context: DirectoryContext): Promise<Server> {
  const { options, logger } = context;
  const { Directory } = await import('../../directory/index.js');
  const key = await readSecret(context, 'apiKeyFile', readApiKey);
  const paths = tlsPathsOf(options);
  const tlsFiles = `${context.sourceOf('tlsCert')} and ${context.sourceOf('tlsKey')}`;
  const tls = paths && (await awaitRead(context, tlsFiles, readTlsPair(paths)));
  if (paths !== undefined) await warnIfReadable(paths.key, logger);
  const databases = new AddressDatabases();
  const found = await databases.read(options);
  const operatorKey =
    options.operatorKeyFile === undefined
      ? undefined
      : await readSecret(context, 'operatorKeyFile', readApiKey);
  const { selectionFile: path } = options;
  const selection =
    path === undefined
      ? undefined
      : await awaitRead(context, context.sourceOf('selectionFile'), readSelectionFile(path));
  const directory = await Directory.open({
    ...settingsOf(DIRECTORY_OPTIONS, options),
    selection,
    places: found.length > 0 ? placesOf(found) : undefined,
    clusterSecret: await readSecret(context, 'clusterSecretFile', readSecretFile),
    apiKeys: [{ key, tenant: 'default' }],
    operatorKeys: operatorKey === undefined ? [] : [operatorKey],
    tls: tls && { cert: tls.cert, key: tls.key },
    logger,
  });
  return {
    service: directory,
    listening: [`directory at ${directory.url}`, { url: directory.url }],
    stopping: 'stopping',
    files: [
      tlsFile(context, directory, tls),
      keyFile(context, directory, key),
      databaseFiles(context, directory, databases, found),
      selectionFile(context, directory, selection),
      operatorKeyFile(context, directory, operatorKey),
    ],
  };
}

/** What a file with one key is for. */
interface KeyUse {
  readonly item: string;
  /** The key, as the subject of a sentence. */
  readonly what: string;
  readonly take: (key: string) => void;
}

function watchedKey(path: string, key: string, logger: Logger, { item, what, take }: KeyUse) {
  return new WatchedFile(path, key, {
    item,
    read: (next) => readApiKey(next, `--${item}`, true),
    take,
    stays: () => `${what} stays`,
    changed: () => `${what} has changed: from now on the new one counts`,
    settleMs: RELOAD_WATCH_MS,
    faultMs: RELOAD_WATCH_MS,
    clock: systemClock,
    logger,
  });
}

function keyFile({ options, logger }: DirectoryContext, directory: Directory, key: string) {
  const file = watchedKey(options.apiKeyFile, key, logger, {
    item: 'api-key-file',
    what: 'the API key',
    take: (next) => directory.update({ apiKeys: [{ key: next, tenant: 'default' }] }),
  });
  return { check: (asked?: DirectoryOptions) => file.check(asked?.apiKeyFile) };
}

function databaseFiles(
  { options, logger }: DirectoryContext,
  directory: Directory,
  databases: AddressDatabases,
  found: readonly AddressDatabase[],
) {
  const file = new WatchedFile<DatabasePaths, readonly AddressDatabase[]>(options, found, {
    item: 'address-databases',
    read: (paths) => databases.read(paths),
    take: (next) => directory.update({ places: placesOf(next) }),
    stays: () => 'the databases of addresses stay',
    changed: () => 'other databases of addresses are in use',
    settleMs: RELOAD_WATCH_MS,
    faultMs: RELOAD_WATCH_MS,
    clock: systemClock,
    logger,
  });
  return { check: (asked?: DirectoryOptions) => file.check(asked) };
}

type SelectionPath = Pick<DirectoryOptions, 'selectionFile'>;

function selectionFile(
  { options, logger }: DirectoryContext,
  directory: Directory,
  settings: SelectionSettings = {},
) {
  const file = new WatchedFile<SelectionPath, SelectionSettings>(options, settings, {
    item: 'selection-file',
    read: async ({ selectionFile: path }) =>
      path === undefined ? {} : readSelectionFile(path, true),
    take: (selection) => directory.update({ selection }),
    stays: () => 'the settings of selection stay',
    changed: () => 'other settings of selection are in use',
    settleMs: RELOAD_WATCH_MS,
    faultMs: RELOAD_WATCH_MS,
    clock: systemClock,
    logger,
  });
  return { check: (asked?: DirectoryOptions) => file.check(asked) };
}

function operatorKeyFile(
  { options, logger }: DirectoryContext,
  directory: Directory,
  key: string | undefined,
) {
  const path = options.operatorKeyFile;
  const item = 'operator-key-file';
  const what = "the operators' key";
  const take = (next: string) => directory.update({ operatorKeys: [next] });
  const isGiven = path !== undefined && key !== undefined;
  const file = isGiven ? watchedKey(path, key, logger, { item, what, take }) : undefined;
  return {
    check: async (asked?: DirectoryOptions) => {
      const next = asked?.operatorKeyFile;
      if (asked === undefined || (file && next !== undefined)) return file?.check(next);
      if (file === undefined && next === undefined) return;
      const change = `explanations cannot be switched ${next === undefined ? 'off' : 'on'}`;
      sayReload(logger, item, 'restart-needed', `${change} without a restart`);
    },
  };
}

function tlsFile(
  { options, logger }: DirectoryContext,
  directory: Directory,
  pair: TlsPair | undefined,
) {
  const paths = tlsPathsOf(options);
  const take = ({ cert, key }: TlsPair) => directory.update({ tls: { cert, key } });
  const files =
    paths && pair && new WatchedTlsFiles(paths, pair, { take, clock: systemClock, logger });
  return {
    check: async (asked?: DirectoryOptions) => {
      const next = asked && tlsPathsOf(asked);
      if (asked === undefined || (files && next)) return files?.check(next);
      if (files === undefined && next === undefined) return;
      const change = `TLS cannot be switched ${next === undefined ? 'off' : 'on'}`;
      sayReload(logger, 'tls', 'restart-needed', `${change} without a restart`);
    },
  };
}

function tlsPathsOf({ tlsCert, tlsKey }: DirectoryOptions) {
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey };
}
