import { buildChallenge } from '../../src/auth/challenge.js';
import {
  ClientAuthenticator,
  type IntegrityPreference,
} from '../../src/auth/client-authenticator.js';
import { tenantSecret } from '../../src/auth/keys.js';
import { type AuthenticationResult, authenticate } from '../../src/auth/long-term.js';
import { NonceIssuer } from '../../src/auth/nonce.js';
import type { TenantPrincipal } from '../../src/auth/principal.js';
import { featuresOf } from '../../src/auth/realm.js';
import { TenantVerifier } from '../../src/auth/tenant-verifier.js';
import { legNameOf, mintCredential, OVERLAY_REALM } from '../../src/overlay/leg-credentials.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import type { StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import type { LegName } from '../../src/trunk/control-message.js';
import { decoded, TRANSACTION_ID } from '../stun/messages.js';
import { TestClock } from './test-clock.js';

export const REALM = 'turnpike';
export const IP = '192.0.2.1';
const TENANT_ROOT = Buffer.alloc(32, 0x11);

export const CREDENTIAL = mintCredential({
  tenantSecret: tenantSecret(TENANT_ROOT, 'default'),
  tenant: 'default',
  connectionId: '5f'.repeat(16),
  role: 0,
  expiresAtSeconds: 1_800_000_000,
});

/** A server with only the long-term credential mechanism. */
export class TestServer {
  readonly clock = new TestClock();
  readonly nonceIssuer: NonceIssuer;
  readonly verifier = new TenantVerifier({
    tenantRoot: TENANT_ROOT,
    realm: REALM,
    claimsOf: legNameOf,
  });
  /** Number of calls of the verifier. */
  keysAsked = 0;

  constructor(nonceRoot = 1) {
    this.nonceIssuer = new NonceIssuer({
      secret: Buffer.alloc(32, nonceRoot),
      features: featuresOf(OVERLAY_REALM),
      clock: this.clock,
      lifetimeSeconds: 60,
    });
  }

  authenticate(message: StunMessage, ip = IP): AuthenticationResult<TenantPrincipal<LegName>> {
    return authenticate(message, {
      ip,
      nonces: this.nonceIssuer,
      realm: OVERLAY_REALM,
      verifier: {
        find: (username) => {
          this.keysAsked += 1;
          return this.verifier.find(username);
        },
      },
    });
  }

  challenge(request: StunMessage, code: 400 | 401 | 438 = 401): StunMessage {
    const nonce = this.nonceIssuer.issue(IP);
    const fingerprint = request.has(AttributeType.Fingerprint);
    return decoded(buildChallenge(request, { code, realm: OVERLAY_REALM, nonce, fingerprint }));
  }
}

export function request(): MessageWriter {
  return new MessageWriter('request', Method.Allocate, TRANSACTION_ID).requestedTransport(17);
}

/** Makes a client that has received a challenge of `server`. */
export function challengedBy(
  server: TestServer,
  integrity: IntegrityPreference = 'auto',
  credential = CREDENTIAL,
): ClientAuthenticator {
  const client = new ClientAuthenticator({ ...credential, integrity });
  const writer = request();
  const signature = client.sign(writer);
  client.check(server.challenge(decoded(writer)), signature);
  return client;
}

/** Makes a request signed by `client`. */
export function signed(client: ClientAuthenticator): StunMessage {
  const writer = request();
  client.sign(writer);
  return decoded(writer);
}
