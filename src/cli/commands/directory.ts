import { readFile } from 'node:fs/promises';
import { formatAddress, isLoopback } from '../../address.js';
import { TurnpikeError } from '../../errors.js';
import { defineCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { readApiKey, warnIfReadable } from '../secret-io.js';
import { aborted } from '../signals.js';

/** `turnpike directory` */
export const directoryCommand = defineCommand({
  path: ['directory'],
  summary: 'run a directory: it picks a pair of relays for two peers',
  description:
    'Runs the directory. Relays register with it, and a peer that holds the API key asks it for ' +
    'a connection. Everything it knows of relays is in memory and comes back by itself after a ' +
    'restart; connections that exist go on without it.',
  options: {
    listen: {
      kind: 'address',
      placeholder: 'A:P',
      description: 'where to serve HTTP, or HTTPS with --tls-cert',
      required: true,
    },
    clusterSecretFile: {
      kind: 'file',
      placeholder: 'FILE',
      description: 'the cluster secret: one line of base64, from `turnpike secret new`',
      required: true,
    },
    apiKeyFile: {
      kind: 'file',
      placeholder: 'FILE',
      description: 'the API key of tenant `default`: one line, which peers present',
      required: true,
    },
    tlsCert: {
      kind: 'file',
      placeholder: 'FILE',
      description: 'certificate chain in PEM',
    },
    tlsKey: {
      kind: 'file',
      placeholder: 'FILE',
      description: "the certificate's private key in PEM",
    },
  },
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
    'Without TLS the API key and the credentials of peers cross the network in the clear: keep ' +
      'the listener on loopback behind a TLS proxy, or give --tls-cert and --tls-key.',
  ],
  run: async ({ options, logger, stop }) => {
    const { Directory } = await import('../../directory/index.js');
    const { readSecretFile } = await import('../../auth/secret-file.js');
    const { listen, clusterSecretFile, apiKeyFile, tlsCert, tlsKey } = options;
    await warnIfReadable(clusterSecretFile, logger);
    await warnIfReadable(apiKeyFile, logger);
    const tls =
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : { cert: await readPem(tlsCert), key: await readPem(tlsKey) };
    if (tlsKey !== undefined) await warnIfReadable(tlsKey, logger);
    if (tls === undefined && !isLoopback(listen)) {
      logger.warn(
        `${formatAddress(listen)} is no loopback address and there is no --tls-cert: ` +
          'API keys and credentials cross the network unencrypted',
      );
    }
    const directory = await Directory.open({
      listen,
      clusterSecret: await readSecretFile(clusterSecretFile),
      apiKeys: [{ key: await readApiKey(apiKeyFile), tenant: 'default' }],
      ...(tls === undefined ? {} : { tls }),
      logger,
    });
    logger.info({ event: 'listening', url: directory.url }, `directory at ${directory.url}`);
    await aborted(stop);
    logger.info({ event: 'stopping', signal: stop.reason }, 'stopping');
    await directory.close();
    return EXIT.ok;
  },
});

async function readPem(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}: cannot be read (${cause.code})`, {
      cause,
    });
  });
  if (!text.includes('-----BEGIN ')) {
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}: no PEM text`);
  }
  return text;
}
