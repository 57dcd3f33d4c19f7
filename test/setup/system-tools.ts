/** The system's tools that the scripts of package.json use, with their Debian packages. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, type SystemTool } from './system-packages.js';

const MAKE: SystemTool = { name: 'make', debianPackage: 'make' };
const CMAKE: SystemTool = { name: 'cmake', debianPackage: 'cmake' };
const CXX: SystemTool = {
  name: 'g++',
  debianPackage: 'g++',
  isThere: () => ['g++', 'c++', 'clang++'].some((name) => findCommand(name) !== undefined),
};
const GXX: SystemTool = { name: 'g++', debianPackage: 'g++' };
const PYTHON: SystemTool = { name: 'python3', debianPackage: 'python3' };
const IP: SystemTool = { name: 'ip', debianPackage: 'iproute2' };
const NFT: SystemTool = { name: 'nft', debianPackage: 'nftables' };
export const ETHTOOL: SystemTool = { name: 'ethtool', debianPackage: 'ethtool' };
const SETPRIV: SystemTool = { name: 'setpriv', debianPackage: 'util-linux' };

/** Tools that node-gyp needs. */
export const ADDON_TOOLS: readonly SystemTool[] = [GXX, MAKE, PYTHON];

/** Tools that build C++ without Node. */
const CPP_TOOLS: readonly SystemTool[] = [CMAKE, MAKE, CXX];

/** Tools that build the C++ tests. */
export const CPP_TEST_TOOLS: readonly SystemTool[] = [
  ...CPP_TOOLS,
  {
    name: 'GoogleTest',
    debianPackage: 'libgtest-dev',
    isThere: () => existsSync('/usr/include/gtest/gtest.h'),
  },
];

function library(file: string, debianPackage: string): SystemTool {
  return { name: file.split('.so')[0] ?? file, debianPackage, isThere: () => hasLibrary(file) };
}

/** A library that coturn's test client needs. */
const LIBEVENT = library('libevent_extra-2.1.so.7', 'libevent-core-2.1-7 libevent-extra-2.1-7');

/** Libraries that coturn's server needs. */
export const COTURN_LIBRARIES: readonly SystemTool[] = [
  LIBEVENT,
  library('libevent_openssl-2.1.so.7', 'libevent-openssl-2.1-7'),
  library('libevent_pthreads-2.1.so.7', 'libevent-pthreads-2.1-7'),
  library('libhiredis.so.0.14', 'libhiredis0.14'),
  library('libmariadb.so.3', 'libmariadb3'),
  library('libpq.so.5', 'libpq5'),
  library('libsqlite3.so.0', 'libsqlite3-0'),
];

/** An ICE agent in Python, a client of TURN. */
export const AIOICE: SystemTool = {
  name: 'aioice',
  debianPackage: 'python3-aioice',
  isThere: () => existsSync('/usr/lib/python3/dist-packages/aioice'),
};

/** WebRTC in Python. */
export const AIORTC: SystemTool = {
  name: 'aiortc',
  debianPackage: 'python3-aiortc',
  isThere: () => existsSync('/usr/lib/python3/dist-packages/aiortc'),
};

/** An ICE agent in C. */
export const LIBNICE: SystemTool = {
  name: 'libnice',
  debianPackage: 'libnice10',
  isThere: () => hasLibrary('libnice.so.10'),
};

/** The library of baresip, with a client of TURN. */
export const LIBRE: SystemTool = {
  name: 'libre',
  debianPackage: 'libre-dev',
  isThere: () => existsSync('/usr/include/re/re_turn.h'),
};

/** WebRTC in C, with what else its element needs. */
export const GSTREAMER: SystemTool = {
  name: 'gstreamer',
  debianPackage: 'gstreamer1.0-plugins-bad',
  isThere: () => hasLibrary('gstreamer-1.0/libgstwebrtc.so'),
};
export const GSTREAMER_PARTS: readonly SystemTool[] = [
  {
    name: 'rtpmanager',
    debianPackage: 'gstreamer1.0-plugins-good',
    isThere: () => hasLibrary('gstreamer-1.0/libgstrtpmanager.so'),
  },
  {
    name: 'gstnice',
    debianPackage: 'gstreamer1.0-nice',
    isThere: () => hasLibrary('gstreamer-1.0/libgstnice.so'),
  },
  {
    name: 'GstWebRTC',
    debianPackage: 'gir1.2-gst-plugins-bad-1.0',
    isThere: () => hasLibrary('girepository-1.0/GstWebRTC-1.0.typelib'),
  },
  {
    name: 'gi',
    debianPackage: 'python3-gi',
    isThere: () => existsSync('/usr/lib/python3/dist-packages/gi'),
  },
];

export const GO: SystemTool = { name: 'go', debianPackage: 'golang-go' };

/** WebRTC in Go, as sources. */
export const PION_WEBRTC: SystemTool = {
  name: 'pion',
  debianPackage: 'golang-github-pion-webrtc.v3-dev',
  isThere: () => existsSync('/usr/share/gocode/src/github.com/pion/webrtc'),
};

export const CHROMIUM: SystemTool = { name: 'chromium', debianPackage: 'chromium' };
export const FIREFOX: SystemTool = { name: 'firefox-esr', debianPackage: 'firefox-esr' };

/** Captures packets and dissects them. */
export const TSHARK: SystemTool = {
  name: 'tshark',
  debianPackage: 'tshark',
  isThere: () => ['tshark', 'dumpcap'].every((name) => findCommand(name) !== undefined),
};

function hasLibrary(file: string): boolean {
  const folders = ['/usr/lib', '/lib'].filter((folder) => existsSync(folder));
  return folders.some((folder) =>
    readdirSync(folder).some((name) => existsSync(join(folder, name, file))),
  );
}

/** Tools that build the bench's TURN client. */
export const TURN_CLIENT_TOOLS: readonly SystemTool[] = [
  {
    name: 'libcrypto',
    debianPackage: 'libssl-dev',
    isThere: () => existsSync('/usr/include/openssl/hmac.h'),
  },
];

/** Tools that the tests run. */
export const TEST_TOOLS: readonly SystemTool[] = [
  ...ADDON_TOOLS,
  IP,
  ETHTOOL,
  NFT,
  SETPRIV,
  { name: 'conntrack', debianPackage: 'conntrack' },
  { name: 'iptables-legacy', debianPackage: 'iptables' },
  { name: 'openssl', debianPackage: 'openssl' },
  { name: 'iperf3', debianPackage: 'iperf3' },
  ...COTURN_LIBRARIES,
  ...TURN_CLIENT_TOOLS,
  AIOICE,
  AIORTC,
  LIBNICE,
  LIBRE,
  TSHARK,
  ...CPP_TEST_TOOLS,
];

/** Tools of `npm run test:interop`, which are too large for every run of the tests. */
export const INTEROP_TOOLS: readonly SystemTool[] = [
  ...[GO, PION_WEBRTC, CHROMIUM, FIREFOX],
  ...[GSTREAMER, ...GSTREAMER_PARTS],
];

/** Tools that build and start the bench's own programs. */
export const RIG_TOOLS: readonly SystemTool[] = [
  ...CPP_TOOLS,
  SETPRIV,
  { name: 'flock', debianPackage: 'util-linux' },
  { name: 'taskset', debianPackage: 'util-linux' },
];

/** Tools that the bench's network namespaces need. */
export const SCENE_TOOLS: readonly SystemTool[] = [IP, NFT, ETHTOOL];

/** Tools that build the bench's server of pion. */
export const PION_TOOLS: readonly SystemTool[] = [
  { name: 'go', debianPackage: 'golang-go' },
  {
    name: 'pion',
    debianPackage: 'golang-github-pion-turn.v2-dev',
    isThere: () => existsSync('/usr/share/gocode/src/github.com/pion/turn/v2'),
  },
];

/** Tools that build the bench's BPF programs. */
export const BPF_TOOLS: readonly SystemTool[] = [
  { name: 'clang', debianPackage: 'clang' },
  {
    name: 'libbpf',
    debianPackage: 'libbpf-dev',
    isThere: () => existsSync('/usr/include/bpf/libbpf.h'),
  },
];

/** Tools that make the data plane's BPF skeleton. Other versions generate other bytes. */
export const SKELETON_TOOLS: readonly SystemTool[] = [
  { name: 'clang-14', debianPackage: 'clang-14' },
  { name: 'bpftool', debianPackage: 'bpftool' },
  { name: 'gcc', debianPackage: 'gcc' },
  {
    name: 'libbpf',
    debianPackage: 'libbpf-dev',
    isThere: () => existsSync('/usr/include/bpf/bpf_helpers.h'),
  },
];

export const CLANG_FORMAT: SystemTool = { name: 'clang-format', debianPackage: 'clang-format' };
