// Where the built package and the program `velum` are: told by the environment, as to every test.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

const built = (variable, what) => {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`${variable} does not say where ${what} is: run \`cargo xtask test\``);
  }
  return value;
};

const PLAYGROUND = built('VELUM_PLAYGROUND', 'the built playground');
export const PAGE = join(PLAYGROUND, 'www');
export const PACKAGE = join(PLAYGROUND, 'npm');

export const engine = await import(pathToFileURL(join(PACKAGE, 'index.js')));
await engine.load();

export const sample = (name) => readFileSync(join(PAGE, 'samples', name));

/** A key for policies that need one; its bytes are those of a text. */
export const KEY = Buffer.from('a key of thirty-two bytes or so!').toString('base64');

const FRAMINGS = {
  'application/x-ndjson': 'ndjson',
  'application/fhir+ndjson': 'ndjson',
  'application/json-seq': 'json-seq',
  'application/stream+json': 'concatenated',
  'text/event-stream': 'events',
};

/** What the program makes of a body: its output, its exit code and what it says. */
export function velum(policyFile, body, mediaType, ...more) {
  const program = join(built('VELUM_BIN_DIR', 'the program'), 'velum');
  const framing = FRAMINGS[mediaType] ?? 'json';
  const ended = spawnSync(program, ['mask', '--policy', policyFile, '--framing', framing, ...more], {
    input: body,
    env: { ...process.env, VELUM_MASKING_KEY: KEY },
    maxBuffer: 64 << 20,
  });
  return { output: ended.stdout, code: ended.status, says: ended.stderr.toString() };
}

/** A policy of a file, with the key. */
export function policyOf(file) {
  const policy = engine.Policy.read(readFileSync(file, 'utf8'));
  for (const name of policy.keyNames) {
    policy.setKey(name, KEY);
  }
  return policy;
}

/** The files of a folder, in their order. */
export const filesOf = (folder) =>
  readdirSync(folder)
    .toSorted()
    .map((name) => join(folder, name));
