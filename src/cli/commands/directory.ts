import { systemClock } from '../../clock.js';
import type { Directory } from '../../directory/index.js';
import { SPECS } from '../../options/shared-specs.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option, required } from '../config/option.js';
import { EXIT } from '../exit-codes.js';
import { openOperatorHttp } from '../operator-http.js';
import { sayReload } from '../reload/say-reload.js';
import { TlsFiles, type TlsPair } from '../reload/tls-files.js';
import { watch } from '../reload/watch.js';
import { FixedFile, WatchedText } from '../reload/watched-text.js';
import { readApiKey, readSecret, warnIfReadable } from '../secret-files.js';
import { aborted } from '../signals.js';

const DIRECTORY_OPTIONS = {
  listen: required(SPECS.address, 'where to serve HTTP, or HTTPS with --tls-cert'),
  clusterSecretFile: required(
    SPECS.file,
    'the cluster secret: one line of base64, from `turnpike secret new`',
  ),
  apiKeyFile: required(
    SPECS.file,
    'the API key of tenant `default`: one line, which peers present',
  ),
  tlsCert: option(SPECS.file, 'certificate chain in PEM'),
  tlsKey: option(SPECS.file, "the certificate's private key in PEM"),
  trustedProxy: option(
    SPECS.prefixes,
    'a proxy in front: limits per source do not apply to its connections',
    { placeholder: 'ADDRESSES' },
  ),
  http: option(SPECS.address, 'serve /metrics, which names tenants, /healthz and /readyz here', {
    defaultText: 'off',
  }),
} as const satisfies OptionTable;

type DirectoryContext = CommandContext<typeof DIRECTORY_OPTIONS>;

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
    '/healthz and /readyz are at --listen as well, for load balancers; /metrics is at --http only.',
    'Without TLS the API key and the credentials of peers cross the network in the clear: keep ' +
      'the listener on loopback behind a TLS proxy, or give --tls-cert and --tls-key.',
  ],
  reloadable: ['apiKeyFile', 'tlsCert', 'tlsKey'],
  run: async (context) => {
    const { options, logger, stop } = context;
    const { Directory } = await import('../../directory/index.js');
    const { listen, clusterSecretFile, apiKeyFile } = options;
    await warnIfReadable(apiKeyFile, logger);
    const paths = tlsPathsOf(options);
    const tls = paths === undefined ? undefined : await TlsFiles.read(paths, systemClock, logger);
    if (paths !== undefined) await warnIfReadable(paths.key, logger);
    const key = await readApiKey(apiKeyFile, { source: context.sourceOf('apiKeyFile') });
    const source = context.sourceOf('clusterSecretFile');
    const directory = await Directory.open({
      listen,
      clusterSecret: await readSecret({ path: clusterSecretFile, source, logger }),
      apiKeys: [{ key, tenant: 'default' }],
      trustedProxies: options.trustedProxy,
      ...(tls === undefined ? {} : { tls: tls.pair }),
      logger,
    });
    try {
      await serve(context, { directory, tls, key });
    } finally {
      await directory.close();
    }
    logger.info({ event: 'stopped', signal: stop.reason }, 'stopped');
    return EXIT.ok;
  },
});

interface Watched {
  readonly directory: Directory;
  readonly tls: TlsFiles | undefined;
  /** The API key in use. */
  readonly key: string;
}

/** Shows what is measured, and takes what is renewed, until it is told to stop. */
async function serve(context: DirectoryContext, watched: Watched): Promise<void> {
  const { options, logger, stop } = context;
  const { directory } = watched;
  const http =
    options.http === undefined ? undefined : await openOperatorHttp(options.http, directory);
  const stopWatching = await watchFiles(context, watched);
  const { url } = directory;
  const shown = http && { http: http.url };
  logger.info({ event: 'listening', url, ...shown }, `directory at ${url}`);
  await aborted(stop);
  logger.info({ event: 'stopping', signal: stop.reason }, 'stopping');
  stopWatching();
  await http?.close();
}

/** Takes what is renewed under a directory: by itself, and at SIGHUP. @returns ends it */
async function watchFiles(
  { options, logger, onReload }: DirectoryContext,
  { directory, tls, key }: Watched,
): Promise<() => void> {
  const secret = await FixedFile.read('cluster-secret-file', options.clusterSecretFile);
  const apiKey = new WatchedText(options.apiKeyFile, key, {
    item: 'api-key-file',
    what: 'the API key',
    read: (path) => readApiKey(path, { again: true }),
    take: (value) => directory.setApiKeys([{ key: value, tenant: 'default' }]),
    clock: systemClock,
    logger,
  });
  const takeTls = (pair: TlsPair) => directory.setTls(pair);
  onReload(async (next) => {
    const paths = tlsPathsOf(next);
    if (tls !== undefined && paths !== undefined) await tls.check(takeTls, { paths });
    else if (tls !== undefined || paths !== undefined) {
      const detail = `TLS cannot be switched ${tls === undefined ? 'on' : 'off'} without a restart`;
      sayReload(logger, 'tls', 'restart-needed', detail);
    }
    await apiKey.check({ path: next.apiKeyFile });
    await secret.check(logger);
  });
  return watch(async () => {
    await tls?.check(takeTls);
    await apiKey.check();
  });
}

function tlsPathsOf({ tlsCert, tlsKey }: DirectoryContext['options']) {
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey };
}
