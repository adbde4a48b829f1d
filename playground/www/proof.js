// Whether a proof holds, in plain words.
import { byId, facts } from './dom.js';
import { load, verifyCheckpoint, verifyProof } from './engine/index.js';
import { bytesOf, holdDrops, takeChoice, takeDrops } from './files.js';
import { sample } from './samples.js';
import { offerThemes } from './theme.js';

const HEADER = 'c2sp.org/tlog-proof@';
const encode = (text) => new TextEncoder().encode(text);

/** The bytes of a record that is no text; null: it is what stands in its field. */
let leafBytes = null;

function verify() {
  const [proof, leaf, keys] = ['proof', 'leaf', 'keys'].map((id) => byId(id).value);
  if (!proof || !keys) {
    tell('', "Drop a proof, its record and the log's key", 'A proof and a key are needed, of somebody you believe.');
    return;
  }
  if (!proof.startsWith(HEADER)) {
    tellHead(verifyCheckpoint(encode(proof), keys));
    return;
  }
  const verdict = verifyProof(encode(proof), keys, leafBytes ?? encode(leaf));
  if (!verdict.holds) {
    tell('fails', 'It does NOT hold.', `Do not rely on this record: ${verdict.reason}.`);
    return;
  }
  tell(
    'holds',
    'It holds.',
    `Record ${verdict.index} of ${verdict.origin} says exactly what stands below, and is in the log that this key signed.`,
    verdict,
  );
}

function tellHead(verdict) {
  if (verdict.holds) {
    tell('holds', 'The checkpoint is signed.', `${verdict.origin} had ${verdict.size} records then.`, verdict);
  } else {
    tell('fails', 'It does NOT hold.', `This is no proof, and no checkpoint to believe: ${verdict.reason}.`);
  }
}

function tell(kind, title, text, verdict = null) {
  byId('verdict').className = `pane verdict ${kind}`;
  byId('verdict-title').textContent = title;
  byId('verdict-text').textContent = text;
  const known = verdict
    ? [['Log', verdict.origin], ['Records then', String(verdict.size)], ['Root', verdict.root]]
    : [];
  facts(byId('facts'), known);
  const record = verdict?.record;
  byId('record-pane').hidden = record === undefined;
  byId('record').textContent = record === undefined ? '' : indented(record);
}

function indented(record) {
  try {
    return visible(JSON.stringify(JSON.parse(record), null, 2));
  } catch {
    return visible(record);
  }
}

/** What would show nothing, or turn round what is beside it, is shown as its number. */
const visible = (text) =>
  text.replace(/[^\P{C}\n\t]|[^\P{Z} ]|\p{Default_Ignorable_Code_Point}|\u2800/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);

async function take(file, id) {
  const bytes = await bytesOf(file);
  const text = new TextDecoder().decode(bytes);
  const field = id ?? fieldOf(file.name, text);
  byId(field).value = text;
  if (field === 'leaf') {
    leafBytes = bytes;
  }
  verify();
}

function fieldOf(name, text) {
  if (text.startsWith(HEADER) || /checkpoint/.test(name)) {
    return 'proof';
  }
  return /\.(vkey|pub|keys?)$/.test(name) || /^[^\s+]+\+[0-9a-f]{8}\+\S+\s*$/.test(text) ? 'keys' : 'leaf';
}

async function begin() {
  offerThemes();
  holdDrops();
  takeDrops(document.body, (file) => take(file));
  for (const id of ['proof', 'leaf', 'keys']) {
    takeChoice(byId(`${id}-file`), (file) => take(file, id));
    byId(id).addEventListener('input', () => {
      leafBytes = id === 'leaf' ? null : leafBytes;
      verify();
    });
  }
  byId('sample').addEventListener('click', async () => {
    leafBytes = null;
    byId('leaf').value = '';
    byId('proof').value = await sample('record.tlog-proof');
    byId('keys').value = await sample('log.vkey');
    verify();
  });
  await load();
  if (byId('proof').value) {
    verify();
  }
}

begin();
