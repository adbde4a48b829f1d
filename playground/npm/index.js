// What stands in front of the bindings: words for what crosses as JSON. Nothing is decided here.
import init, {
  Policy as Bound,
  verifyCheckpoint as boundCheckpoint,
  verifyProof as boundProof,
} from './velum_playground.js';

let loading;

export function load(source) {
  loading ??= (async () => {
    await init({ module_or_path: source ?? (await here()) });
  })().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function here() {
  const url = new URL('./velum_playground_bg.wasm', import.meta.url);
  if (url.protocol !== 'file:') {
    return url;
  }
  // Node.js fetches no files.
  const { readFile } = await import('node:fs/promises');
  return readFile(url);
}

export class PolicyError extends Error {
  constructor(fault) {
    super(`${fault.pointer || 'the document'}: ${fault.message}`);
    this.name = 'PolicyError';
    this.fault = fault;
  }
}

function told(step) {
  try {
    return step();
  } catch (error) {
    throw typeof error === 'string' ? new PolicyError(JSON.parse(error)) : error;
  }
}

const JSON_TYPE = 'application/json';
const year = () => new Date().getUTCFullYear();

export class Policy {
  #bound;

  constructor(bound) {
    this.#bound = bound;
  }

  static read(text) {
    return new Policy(told(() => Bound.read(text)));
  }

  get keyNames() {
    return this.#bound.keyNames();
  }

  setKey(name, secret) {
    this.#bound.setKey(name, secret);
  }

  mask(body, options = {}) {
    const media = options.mediaType ?? JSON_TYPE;
    const chunk = options.chunk ?? 0;
    const masked = told(() => this.#bound.mask(body, media, chunk, options.year ?? year()));
    try {
      return { output: masked.output, ends: masked.ends, report: JSON.parse(masked.report) };
    } finally {
      masked.free();
    }
  }

  find(body, options = {}) {
    const media = options.mediaType ?? JSON_TYPE;
    const most = options.most ?? 1000;
    return JSON.parse(told(() => this.#bound.find(body, media, most, options.year ?? year())));
  }

  free() {
    this.#bound.free();
  }
}

export function verifyProof(proof, keys, leaf = new Uint8Array()) {
  return JSON.parse(boundProof(proof, leaf, keys));
}

export function verifyCheckpoint(checkpoint, keys) {
  return JSON.parse(boundCheckpoint(checkpoint, keys));
}
