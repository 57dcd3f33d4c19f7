/**
 * An agent of a WebRTC stack with the API of browsers. Node programs and the page of browsers use
 * it.
 */

/** Bytes of a message. Every stack takes this size. */
const MESSAGE_BYTES = 16_384;
/** Bytes that wait in a channel. */
const WAITING_BYTES_MAX = 262_144;
const POLL_MS = 4;

const until = async (holds) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
};

/** Bytes without a pattern, of a linear congruential generator. */
function someBytes(length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let word = 1;
  for (let index = 0; index < words.length; index++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    words[index] = word;
  }
  return new Uint8Array(words.buffer, 0, length);
}

async function digest(bytes) {
  const hash = await globalThis.crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(data) {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Sends the bytes. @returns the digest that the other agent says it has received */
async function send(channel, length) {
  let answer;
  channel.onmessage = ({ data }) => {
    answer = data;
  };
  await until(() => channel.readyState === 'open');
  const bytes = someBytes(length);
  for (let at = 0; at < length; at += MESSAGE_BYTES) {
    if (channel.bufferedAmount > WAITING_BYTES_MAX) {
      await until(() => channel.bufferedAmount <= WAITING_BYTES_MAX);
    }
    channel.send(bytes.slice(at, at + MESSAGE_BYTES));
  }
  await until(() => answer !== undefined);
  const sent = await digest(bytes);
  if (answer !== sent) throw new Error(`sent ${sent}, received ${answer}`);
}

/** Receives the bytes, and answers with their digest. */
function receive(channel, length) {
  channel.binaryType = 'arraybuffer';
  const bytes = new Uint8Array(length);
  let received = 0;
  channel.onmessage = async ({ data }) => {
    const message = bytesOf(data);
    bytes.set(message, received);
    received += message.length;
    if (received === length) channel.send(await digest(bytes));
  };
}

/**
 * Sets the local description. @returns it with the relayed candidate, which comes before a stack
 * has asked the server from each interface, some of which do not reach it
 */
async function describe(connection, description) {
  await connection.setLocalDescription(description);
  await until(() => / typ relay/.test(connection.localDescription?.sdp));
  const { type, sdp } = connection.localDescription;
  // werift describes other candidates in spite of the policy.
  return { type, sdp: sdp.replace(/^a=candidate:(?!.* typ relay).*\r\n/gm, '') };
}

/**
 * Runs an agent until it is told to close.
 * @param connect - makes a connection of the stack from an RTCConfiguration
 * @param task - `role` (`offer` sends, `answer` receives), `server` (an entry of `iceServers`) and
 *   `bytes`, the length of what is sent
 * @param say - tells the test a message: `description`, `done` or `closed`
 * @param hear - resolves with the next message of the test: a `description` or `close`
 */
export async function runAgent(connect, { role, server, bytes }, say, hear) {
  const connection = connect({ iceServers: [server], iceTransportPolicy: 'relay' });
  if (role === 'offer') {
    const channel = connection.createDataChannel('data');
    say({ description: await describe(connection, await connection.createOffer()) });
    await connection.setRemoteDescription((await hear()).description);
    await send(channel, bytes);
    say({ done: true });
  } else {
    connection.ondatachannel = ({ channel }) => receive(channel, bytes);
    await connection.setRemoteDescription((await hear()).description);
    say({ description: await describe(connection, await connection.createAnswer()) });
  }
  await hear();
  await connection.close();
  say({ closed: true });
}
