import benny from 'benny';
import { buildChallenge } from '../../src/auth/challenge.js';
import { ClientAuthenticator } from '../../src/auth/client-authenticator.js';
import { tenantSecret } from '../../src/auth/keys.js';
import { authenticate } from '../../src/auth/long-term.js';
import { NONCE_LIFETIME_SECONDS, NonceIssuer } from '../../src/auth/nonce.js';
import { featuresOf } from '../../src/auth/realm.js';
import { SourceBudget } from '../../src/auth/source-budget.js';
import { STRANGER_LIMITS } from '../../src/auth/stranger-limits.js';
import { TenantVerifier } from '../../src/auth/tenant-verifier.js';
import { systemClock } from '../../src/clock.js';
import { legNameOf, mintCredential, OVERLAY_REALM } from '../../src/overlay/leg-credentials.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { report } from './report.js';

const IP = '192.0.2.1';
const TENANT_ROOT = Buffer.alloc(32, 1);
const TENANT_SECRET = tenantSecret(TENANT_ROOT, 'default');
const nonceIssuer = new NonceIssuer({
  secret: Buffer.alloc(32, 2),
  features: featuresOf(OVERLAY_REALM),
  clock: systemClock,
  lifetimeSeconds: NONCE_LIFETIME_SECONDS,
});
const budget = new SourceBudget({
  perSecond: STRANGER_LIMITS.challengesPerSecond,
  burst: STRANGER_LIMITS.challengesBurst,
  sourcesMax: STRANGER_LIMITS.sourcesMax,
  clock: systemClock,
});

function credentialOf(connection: number) {
  return mintCredential({
    tenantSecret: TENANT_SECRET,
    tenant: 'default',
    connectionId: connection.toString(16).padStart(32, '0'),
    role: 0,
    expiresAtSeconds: 1_800_000_000,
  });
}

function allocate(): MessageWriter {
  return new MessageWriter('request', Method.Allocate, Buffer.alloc(12, 3))
    .requestedTransport(17)
    .connectionIdentifier('0'.repeat(32))
    .connectionRole(0)
    .address(AttributeType.XorPeerRelayAddress, { address: '192.0.2.20', port: 3478 });
}

function read(bytes: Uint8Array): StunMessage {
  const result = decodeMessage(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.message;
}

const unsigned = read(allocate().finish());
const challengeOptions = { code: 401, realm: OVERLAY_REALM, fingerprint: false } as const;

function challenge(): Uint8Array {
  return buildChallenge(unsigned, { ...challengeOptions, nonce: nonceIssuer.issue(IP) });
}

function signedBy(integrity: 'sha1' | 'sha256'): Uint8Array {
  const client = new ClientAuthenticator({ ...credentialOf(1), integrity });
  client.check(read(challenge()), client.sign(allocate()));
  const writer = allocate();
  client.sign(writer);
  return writer.finish();
}

/** Decodes and authenticates a request and encodes its response. */
function serve(verifier: TenantVerifier<unknown>, bytes: Uint8Array): Uint8Array {
  const message = read(bytes);
  const result = authenticate(message, {
    ip: IP,
    nonces: nonceIssuer,
    realm: OVERLAY_REALM,
    verifier,
  });
  if (!result.ok) throw new Error(result.challenge.failure);
  return new MessageWriter('success', message.method, message.transactionId)
    .address(AttributeType.XorMappedAddress, { address: IP, port: 40_000 })
    .u32(AttributeType.Lifetime, LEG_LIMITS.lifetimeSeconds)
    .integrity(result.signer.kind, result.signer.key)
    .finish();
}

/** Measures challenges and authentication, as the relay's control thread does them. */
export function benchCredentials(): Promise<unknown> {
  const sha1 = signedBy('sha1');
  const sha256 = signedBy('sha256');
  const verifier = new TenantVerifier({
    tenantRoot: TENANT_ROOT,
    realm: OVERLAY_REALM.name,
    claimsOf: legNameOf,
  });
  const coldVerifier = new TenantVerifier({
    tenantRoot: TENANT_ROOT,
    realm: OVERLAY_REALM.name,
    claimsOf: legNameOf,
  });
  let connection = 0;
  return benny.suite(
    'Credentials',
    benny.add('take a challenge from the budget', () =>
      budget.take(`10.0.0.${connection++ & 0xff}`),
    ),
    benny.add('challenge with a new nonce', () => challenge()),
    benny.add('authenticate and answer, SHA-1', () => serve(verifier, sha1)),
    benny.add('authenticate and answer, SHA-256', () => serve(verifier, sha256)),
    benny.add('mint a credential and derive its key', () =>
      coldVerifier.find(credentialOf(connection++).username)?.keyFor('sha256'),
    ),
    ...report(),
  );
}
