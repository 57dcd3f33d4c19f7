import type { TransportAddress } from './address.js';

/** Highest port that needs privileges (Linux: net.ipv4.ip_unprivileged_port_start). */
const PRIVILEGED_PORT_MAX = 1_023;

/**
 * Returns advice for an address that cannot be bound.
 * @param errno - the system's error name
 * @returns text to append to the error name; may be empty
 */
export function bindAdvice(errno: string | undefined, address: TransportAddress): string {
  switch (errno) {
    case 'EADDRINUSE':
      return ': another socket has this port (`ss -lntup` names its process); give another';
    case 'EACCES':
      return address.port > 0 && address.port <= PRIVILEGED_PORT_MAX
        ? ': ports below 1024 need root or CAP_NET_BIND_SERVICE; give a higher port'
        : ': not permitted';
    case 'EADDRNOTAVAIL':
      return ': no interface of this host has this address; behind a NAT listen on 0.0.0.0 or [::]';
    case 'EAFNOSUPPORT':
      return ': this host does not do this address family';
    case 'EMFILE':
    case 'ENFILE':
      return ': too many open files; raise `ulimit -n`';
    default:
      return '';
  }
}

/** OpenSSL's names for certificates of an unknown issuer. */
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/;

/** Errors of a server that does not answer a TLS handshake in TLS. */
const NOT_TLS = /^EPROTO$|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|ERR_SSL_/;

/**
 * Returns advice for a directory that cannot be reached.
 * @param errno - error name of the system, OpenSSL or Node
 * @param isTls - whether the URL is https:
 * @returns text to append to the error name; may be empty
 */
export function connectAdvice(errno: string | undefined, isTls: boolean): string {
  if (errno === undefined) return '';
  if (UNTRUSTED.test(errno)) {
    return (
      ': its certificate is not signed by an authority that this host trusts; set ' +
      'NODE_EXTRA_CA_CERTS=authority.pem in the environment of this process'
    );
  }
  if (isTls && NOT_TLS.test(errno)) return ': the server there does not speak TLS; try http://';
  switch (errno) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return ': its certificate is for another name than the one in the URL';
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return ': renew its certificate, or set the clock of this host right';
    case 'ECONNREFUSED':
      return ': nothing listens there; is it running, and is the port right?';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ': the name cannot be resolved';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ': there is no route to it';
    case 'ECONNRESET':
    case 'HPE_INVALID_CONSTANT':
      return isTls ? '' : ': it ended the connection; if it has TLS, write https://';
    default:
      return '';
  }
}

/**
 * Describes why a file cannot be read.
 * @param errno - the system's error name
 */
export function fileFault(errno: string | undefined): string {
  switch (errno) {
    case 'ENOENT':
      return 'there is no such file (ENOENT)';
    case 'ENOTDIR':
      return 'a part of its path is no folder (ENOTDIR)';
    case 'EACCES':
    case 'EPERM':
      return `this user may not read it (${errno})`;
    case 'EISDIR':
      return 'it is a folder, not a file (EISDIR)';
    case 'ETIMEDOUT':
      return 'nothing came in time: does its disk hang, or is it a pipe that nobody writes to?';
    case 'ESPIPE':
      return 'it is a pipe, such as `<(…)`, which gives its content once: a restart reads it';
    case undefined:
      return 'cannot be read';
    default:
      return `cannot be read (${errno})`;
  }
}
