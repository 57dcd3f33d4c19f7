import { randomBytes } from 'node:crypto';
import { systemClock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { readSecretFile } from '../../files/secret-file.js';
import { readSmallFile } from '../../files/small-file.js';
import { expectation } from '../../options/option-spec.js';
import { SPECS } from '../../options/shared-specs.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option } from '../config/option.js';
import { EXIT } from '../exit-codes.js';
import { readSecret } from '../secret-files.js';

const CLUSTER_SECRET = {
  clusterSecretFile: option(
    SPECS.file,
    'the cluster secret: one line of base64, from `turnpike secret new`',
    { required: true },
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
    io.stdout.write(lineOf(randomBytes(32)));
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
      line: derivingLine('relay', 'fra-1'),
    },
  ],
  run: (context) =>
    derive(context, (keys, cluster, id) => [
      keys.relaySecret(cluster, id),
      keys.tenantRoot(cluster),
    ]),
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
    { purpose: 'for the servers of the tenant acme', line: derivingLine('tenant', 'acme') },
  ],
  run: (context) =>
    derive(context, (keys, cluster, name) => [keys.tenantSecret(keys.tenantRoot(cluster), name)]),
});

/** Default lifetime of a time-limited credential of TURN, in seconds: a day. */
const TURN_LIFETIME_SECONDS = 86_400;

/** `turnpike secret turn USER` */
export const secretTurnCommand = defineCommand({
  path: ['secret', 'turn'],
  summary: "mint a user's time-limited TURN credential",
  description:
    'Prints two lines, the username and the password of a time-limited credential, which every ' +
    'TURN server with the same shared secret accepts: what a web service gives to its clients.',
  arguments: [{ name: 'USER', description: 'the user, for quotas and the log' }],
  options: {
    authSecretFile: option(
      SPECS.file,
      "shared secrets, one a line, of which the first is used; coturn's static-auth-secret",
      { required: true },
    ),
    lifetime: option(
      { kind: 'integer', minimum: 1, maximum: 315_360_000, default: TURN_LIFETIME_SECONDS },
      'seconds for which the credential opens allocations',
    ),
  },
  examples: [
    {
      purpose: 'for an hour, to try a server out',
      line: 'turnpike secret turn alice --auth-secret-file turn.secret --lifetime 3600',
    },
  ],
  run: async (context) => {
    const { RestSecrets } = await import('../../auth/rest-secrets.js');
    const [user = ''] = context.arguments;
    const secrets = await readSecret(context, 'authSecretFile', async (path, source) => {
      const text = await readSmallFile({ path, source, code: 'ERR_TURNPIKE_SECRET' });
      return RestSecrets.parse({ files: [{ source: `${source} ${path}`, text }] });
    });
    const expiresAt = Math.floor(systemClock.now() / 1_000) + context.options.lifetime;
    const minted = secrets.mint(user, expiresAt);
    if (minted === undefined) {
      const where = `${context.sourceOf('authSecretFile')} ${context.options.authSecretFile}`;
      throw new TurnpikeError('ERR_TURNPIKE_SECRET', `${where}: there is no secret in it`);
    }
    context.io.stdout.write(`${minted.username}\n${minted.password}\n`);
    return EXIT.ok;
  },
});

type Keys = typeof import('../../auth/keys.js');

/** Prints what is derived from the cluster secret and the name in the arguments, a line each. */
async function derive(
  context: CommandContext<typeof CLUSTER_SECRET>,
  secretsOf: (keys: Keys, clusterSecret: Uint8Array, name: string) => Uint8Array[],
): Promise<number> {
  const keys = await import('../../auth/keys.js');
  const [name = ''] = context.arguments;
  if (!keys.isName(name)) {
    const message = `${JSON.stringify(name)} is no name: expected ${expectation(SPECS.name)}`;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
  const cluster = await readSecret(context, 'clusterSecretFile', readSecretFile);
  for (const secret of secretsOf(keys, cluster, name)) context.io.stdout.write(lineOf(secret));
  return EXIT.ok;
}

function newSecretLine(file: string): string {
  return `(umask 077; turnpike secret new > ${file})`;
}

function derivingLine(kind: string, name: string): string {
  return (
    `(umask 077; turnpike secret ${kind} ${name} --cluster-secret-file cluster.secret \\\n` +
    `  > ${name}.secret)`
  );
}

function lineOf(secret: Uint8Array): string {
  return `${Buffer.from(secret).toString('base64')}\n`;
}
