// Proofs that hold, and what was changed in them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { engine, sample } from './parts.js';

const { verifyCheckpoint, verifyProof } = engine;
const proof = sample('record.tlog-proof');
const keys = sample('log.vkey').toString();
const encode = (text) => new TextEncoder().encode(text);

test('the sample holds, with the record it brings along', () => {
  const verdict = verifyProof(proof, keys);
  assert.equal(verdict.holds, true);
  assert.equal(verdict.origin, 'log.example/audit/2026');
  assert.equal(JSON.parse(verdict.record).type, 'org.velum.grant.used.v1');
  assert.deepEqual(verifyProof(proof, keys, encode(verdict.record)), verdict);
});

test('no byte of it can be changed', () => {
  for (let at = 0; at < proof.length; at += 1) {
    const tampered = Uint8Array.from(proof);
    tampered[at] ^= 1;
    const verdict = verifyProof(tampered, keys);
    assert.equal(verdict.holds, false, `byte ${at}`);
    assert.ok(verdict.reason.length > 0);
  }
});

test('another record, another key and no key do not do', () => {
  const { record } = verifyProof(proof, keys);
  const other = encode(record.replace('grace', 'mallory'));
  assert.equal(verifyProof(proof, keys, other).holds, false);
  assert.equal(verifyProof(proof, '').holds, false);
  const [name, id, key] = keys.trim().split('+');
  assert.equal(verifyProof(proof, `${name}x+${id}+${key}`).holds, false);
});

test('its head is a checkpoint to believe', () => {
  const text = proof.toString();
  const checkpoint = text.slice(text.indexOf('\n\n') + 2);
  assert.equal(verifyCheckpoint(encode(checkpoint), keys).holds, true);
  assert.equal(verifyCheckpoint(encode(checkpoint.replace('\n4\n', '\n5\n')), keys).holds, false);
});
