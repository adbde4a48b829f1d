// Runs the engine beside the page, so that typing never waits for it.
import { Policy, PolicyError, load } from './engine/index.js';
import { dataOf, places } from './places.js';

const EVENTS = 'text/event-stream';
const text = new TextDecoder();
/** The policy at hand, read once for as long as it stays the same. */
let current = { source: null, policy: null, fault: null };
/** Keys of this tab, by the names of their environment variables. */
const keys = new Map();

onmessage = async ({ data }) => {
  try {
    await load();
    work(data);
  } catch (error) {
    // What was begun may be broken: the page starts another worker.
    postMessage({ number: data.number, kind: 'broken', message: String(error.message ?? error) });
  }
};

function work({ number, source, body, mediaType, chunk, most }) {
  const post = (kind, what) => postMessage({ number, kind, ...what });
  const told = (step) => {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof PolicyError)) {
        throw error;
      }
      post('fault', { fault: error.fault });
      return null;
    }
  };
  const policy = told(() => read(source));
  const options = { mediaType };
  const begun = performance.now();
  const masked = policy && told(() => policy.mask(body, options));
  if (!masked) {
    post('done');
    return;
  }
  const took = performance.now() - begun;
  const { error } = masked.report;
  const errorAt = error && text.decode(body.subarray(0, error.offset)).length;
  post('masked', { ...masked, took, errorAt, ownKeys: policy.keyNames });

  const { findings, total } = policy.find(body, { ...options, most });
  const json = (bytes) => (mediaType === EVENTS ? dataOf(text.decode(bytes)) : text.decode(bytes));
  const where = places(json(body), json(masked.output), findings);
  post('found', { findings: findings.map((it, at) => ({ ...it, ...where[at] })), total });

  const streamed = policy.mask(body, { ...options, chunk });
  post('streamed', { chunk, ends: streamed.ends, equal: isEqual(streamed.output, masked.output) });
  post('done');
}

function read(source) {
  if (current.source !== source) {
    current.policy?.free();
    current = { source, policy: null, fault: null };
    try {
      current.policy = Policy.read(source);
      for (const name of current.policy.keyNames) {
        current.policy.setKey(name, keyOf(name));
      }
    } catch (error) {
      current.fault = error;
    }
  }
  if (current.fault) {
    throw current.fault;
  }
  return current.policy;
}

function keyOf(name) {
  if (!keys.has(name)) {
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    keys.set(name, btoa(String.fromCharCode(...bytes)));
  }
  return keys.get(name);
}

const isEqual = (one, other) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);
