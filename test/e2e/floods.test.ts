import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import t from 'tap';
import { relaySecret, tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { mintCredential } from '../../src/overlay/leg-credentials.js';
import { Relay } from '../../src/relay/relay.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { longTermKey } from '../../src/stun/integrity.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { evidenceOf, setPatience } from '../lab/keep-on-failure.js';

setPatience(t, 120_000);

const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
/** The victims' address. Floods with this address use other source ports. */
const VICTIM = '127.0.0.50';

interface Proof {
  readonly nonce: string;
  readonly isRight: boolean;
}

/** A peer written from PROTOCOL.md that retransmits its requests. */
class Client {
  readonly socket: Socket = createSocket('udp4');
  readonly #waiting = new Map<string, (message: StunMessage) => void>();
  nonce = '';

  static async open(relay: Relay, ip: string): Promise<Client> {
    const client = new Client();
    client.socket.on('message', (data) => client.#receive(data));
    client.socket.bind(0, ip);
    await once(client.socket, 'listening');
    const service = relay.serviceAddresses[0];
    if (service === undefined) throw new Error('the relay listens nowhere');
    client.socket.connect(service.port, service.address);
    await once(client.socket, 'connect');
    return client;
  }

  #receive(data: Uint8Array): void {
    const decoded = decodeMessage(data);
    if (!decoded.ok) return;
    this.#waiting.get(Buffer.from(decoded.message.transactionId).toString('hex'))?.(
      decoded.message,
    );
  }

  /** Retransmits the request until it is answered, for at most 20 s. */
  async ask(bytes: Uint8Array): Promise<StunMessage | undefined> {
    const name = Buffer.from(bytes.subarray(8, 20)).toString('hex');
    for (let sent = 0; sent < 100; sent += 1) {
      const answered = new Promise<StunMessage>((resolve) => this.#waiting.set(name, resolve));
      this.socket.send(bytes);
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, 200, undefined).unref());
      const answer = await Promise.race([answered, late]);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** Sends a first request, padded as the client library pads it, and an authenticated Allocate. */
  async setsUp(relay: Relay): Promise<boolean> {
    const first = await this.ask(allocate(relay));
    this.nonce = first?.text(AttributeType.Nonce) ?? '';
    const answer = await this.ask(allocate(relay, { nonce: this.nonce, isRight: true }));
    return answer?.messageClass === 'success';
  }
}

function allocate(relay: Relay, proof?: Proof): Uint8Array {
  const connectionId = randomBytes(16).toString('hex');
  const { username, password } = mintCredential({
    tenantSecret: tenantSecret(tenantRoot(CLUSTER_SECRET), 'default'),
    tenant: 'default',
    connectionId,
    role: 0,
    expiresAtSeconds: Math.floor(Date.now() / 1_000) + 600,
  });
  const service = relay.serviceAddresses[0] ?? { address: '127.0.0.1', port: 1 };
  const writer = new MessageWriter('request', Method.Allocate, randomBytes(12))
    .requestedTransport(17)
    .connectionIdentifier(connectionId)
    .connectionRole(0)
    .address(AttributeType.XorPeerRelayAddress, service);
  if (proof === undefined) return writer.paddedTo(120).finish();
  writer
    .text(AttributeType.Username, username)
    .text(AttributeType.Realm, 'turnpike')
    .text(AttributeType.Nonce, proof.nonce)
    .integrity('sha1', longTermKey('md5', username, 'turnpike', proof.isRight ? password : 'x'));
  return writer.finish();
}

/** Sends datagrams from `make` every 4 ms until the returned function is called. */
function flood(clients: readonly Client[], make: () => Uint8Array): () => void {
  const datagrams = Array.from({ length: 64 }, make);
  const timer = setInterval(() => {
    for (let n = 0; n < 40; n += 1) {
      const bytes = datagrams[n % datagrams.length] as Uint8Array;
      bytes.set(randomBytes(12), 8);
      clients[n % clients.length]?.socket.send(bytes);
    }
  }, 4);
  return () => clearInterval(timer);
}

const binding = () => new MessageWriter('request', Method.Binding, randomBytes(12)).finish();

t.test('a peer can allocate during each kind of flood', async (t) => {
  const relay = await Relay.open({
    id: 'fra-1',
    region: 'here',
    listen: '127.0.0.1:0',
    trunk: '127.0.0.1:0',
    relaySecret: relaySecret(CLUSTER_SECRET, 'fra-1'),
    tenantRoot: tenantRoot(CLUSTER_SECRET),
    challengesPerSecond: 10,
    challengesBurst: 20,
    logger: pino(evidenceOf(t).log('fra-1')),
  });
  const open = (ip: string) => Client.open(relay, ip);
  const proven = await open(VICTIM);
  t.ok(await proven.setsUp(relay));
  const forgers = await Promise.all(Array.from({ length: 8 }, () => open(VICTIM)));
  const many = await Promise.all(Array.from({ length: 200 }, (_, n) => open(`127.7.0.${n + 1}`)));
  const guesser = await open('127.0.0.60');
  t.ok(await guesser.setsUp(relay));
  const wrong = () => allocate(relay, { nonce: guesser.nonce, isRight: false });
  const floods: Readonly<Record<string, () => () => void>> = {
    'Bindings with its address': () => flood(forgers, binding),
    'Allocates with its address': () => flood(forgers, () => allocate(relay)),
    'Allocates of many sources': () => flood(many, () => allocate(relay)),
    'invented users with a genuine nonce': () => flood([guesser], wrong),
    'Bindings of a proven 5-tuple': () => flood([guesser], binding),
  };
  for (const [name, start] of Object.entries(floods)) {
    const stop = start();
    for (let n = 0; n < 5; n += 1) {
      const fresh = await open(VICTIM);
      t.ok(await fresh.setsUp(relay), `${name}: a new 5-tuple`);
      t.ok(await proven.setsUp(relay), `${name}: a proven one`);
      fresh.socket.close();
    }
    stop();
  }
  for (const { socket } of [proven, guesser, ...forgers, ...many]) socket.close();
  await relay.close();
});
