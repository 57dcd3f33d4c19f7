import { randomBytes } from 'node:crypto';
import { TurnpikeError } from '../../errors.js';
import { SPECS } from '../../options/shared-specs.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, required } from '../config/option.js';
import { EXIT } from '../exit-codes.js';
import { readSecret } from '../secret-files.js';

const CLUSTER_SECRET = {
  clusterSecretFile: required(
    SPECS.file,
    'the cluster secret: one line of base64, from `turnpike secret new`',
  ),
} as const satisfies OptionTable;

/** `turnpike secret new` */
export const secretNewCommand = defineCommand({
  path: ['secret', 'new'],
  summary: 'print a new random secret',
  description: 'Prints 32 random bytes as one line of base64.',
  options: {},
  examples: [
    { purpose: 'the secret that all directories share', line: newSecretLine('cluster.secret') },
    { purpose: 'an API key for a directory and its peers', line: newSecretLine('api.key') },
    { purpose: 'a key that two peers share', line: newSecretLine('room.key') },
  ],
  run: async ({ io }) => {
    io.stdout.write(`${randomBytes(32).toString('base64')}\n`);
    return EXIT.ok;
  },
});

/** `turnpike secret relay ID` */
export const secretRelayCommand = defineCommand({
  path: ['secret', 'relay'],
  summary: 'derive what one relay needs to know',
  description:
    "Prints two lines, the relay's own secret and the tenant root: what --relay-secret-file " +
    'takes. With it a relay needs no cluster secret, so a stolen relay can pose as no other.',
  arguments: [{ name: 'ID', description: "the relay's id" }],
  options: CLUSTER_SECRET,
  examples: [
    {
      purpose: 'on the host that has the cluster secret; copy the result to the relay',
      line:
        '(umask 077; turnpike secret relay fra-1 --cluster-secret-file cluster.secret \\\n' +
        '  > fra-1.secret)',
    },
  ],
  run: async (context) => {
    const { relaySecret, tenantRoot } = await import('../../auth/keys.js');
    const { clusterSecret, name } = await derivationInput(context);
    printSecrets(context, [relaySecret(clusterSecret, name), tenantRoot(clusterSecret)]);
    return EXIT.ok;
  },
});

/** `turnpike secret tenant NAME` */
export const secretTenantCommand = defineCommand({
  path: ['secret', 'tenant'],
  summary: "derive a tenant's secret",
  description:
    "Prints the tenant's secret, with which the tenant's own servers can mint credentials.",
  arguments: [{ name: 'NAME', description: "the tenant's name" }],
  options: CLUSTER_SECRET,
  examples: [
    {
      purpose: 'for the servers of the tenant acme',
      line:
        '(umask 077; turnpike secret tenant acme --cluster-secret-file cluster.secret \\\n' +
        '  > acme.secret)',
    },
  ],
  run: async (context) => {
    const { tenantRoot, tenantSecret } = await import('../../auth/keys.js');
    const { clusterSecret, name } = await derivationInput(context);
    printSecrets(context, [tenantSecret(tenantRoot(clusterSecret), name)]);
    return EXIT.ok;
  },
});

function newSecretLine(file: string): string {
  return `(umask 077; turnpike secret new > ${file})`;
}

async function derivationInput(
  context: CommandContext<typeof CLUSTER_SECRET>,
): Promise<{ clusterSecret: Uint8Array; name: string }> {
  const { isName } = await import('../../auth/keys.js');
  const [name = ''] = context.arguments;
  if (!isName(name)) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `${JSON.stringify(name)} is no name: expected a-z, 0-9, "." and "-", first a letter or ` +
        'digit, at most 63 characters',
    );
  }
  const { options, sourceOf, logger } = context;
  const file = { path: options.clusterSecretFile, source: sourceOf('clusterSecretFile'), logger };
  return { clusterSecret: await readSecret(file), name };
}

function printSecrets(
  { io }: CommandContext<typeof CLUSTER_SECRET>,
  secrets: readonly Uint8Array[],
): void {
  for (const secret of secrets) io.stdout.write(`${Buffer.from(secret).toString('base64')}\n`);
}
