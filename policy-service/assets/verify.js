// Whether a record is in the log, found out in the reader's own browser: by the playground's wasm, which is what
// `velum audit check-proof` is made of. Without a script the page says that nobody has looked.
const ENGINE = "/playground/engine/index.js";
const place = document.getElementById("check");
const title = document.getElementById("check-title");
const text = document.getElementById("check-text");
const steps = document.getElementById("check-steps");

const tell = (kind, headline, sentence) => {
  place.className = `check ${kind}`;
  title.textContent = headline;
  text.textContent = sentence;
};
const unchecked = (why) => {
  steps.replaceChildren();
  tell("unchecked", "It could not be checked here.", `${why} Download the proof and check it elsewhere.`);
};

// What was looked at, in the order in which one leads to the next.
const step = (holds, sentence) => {
  const item = document.createElement("li");
  const word = document.createElement("span");
  word.className = "unseen";
  word.textContent = holds ? "Yes: " : "No: ";
  item.className = holds ? "ok" : "bad";
  item.append(word, sentence);
  steps.append(item);
};

const read = async (path) => {
  const answer = await fetch(path, { redirect: "error", cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  return new Uint8Array(await answer.arrayBuffer());
};

// Behind the first empty line of a proof stands the log's signed head.
const headOf = (proof) => {
  const written = new TextDecoder().decode(proof);
  const end = written.indexOf("\n\n");
  return new TextEncoder().encode(end < 0 ? "" : written.slice(end + 2));
};

const judge = (engine, proof) => {
  const { key, place: index } = place.dataset;
  // The bytes that this page shows, and not those that the proof brings along.
  const leaf = Uint8Array.from(atob(place.dataset.leaf), (sign) => sign.charCodeAt(0));
  const head = engine.verifyCheckpoint(headOf(proof), key);
  const whole = engine.verifyProof(proof, key, leaf);
  const isIn = whole.holds && String(whole.index) === index;
  steps.replaceChildren();
  step(head.holds, "the head of the log is signed by the key below");
  step(isIn, "the record, byte for byte as shown here, is under that head, at this place");
  if (isIn) {
    tell("holds", "It is in the log, unchanged.", `Checked in this browser: this record is index ${whole.index} of a ` +
      `log of ${whole.size} records, as it was signed with the root ${whole.root}.`);
  } else if (head.holds) {
    tell("fails", "It does NOT hold.", "Do not rely on this record. The log's head is signed, and this is not what " +
      "stands at this place under it: the record or the tree was changed. Tell who runs this service, and verify the " +
      "whole log (velum audit verify).");
  } else {
    tell("fails", "It does NOT hold.", `Do not rely on this record. The head of the log is not one that this key has ` +
      `signed: ${head.reason}.`);
  }
};

const check = async () => {
  tell("unchecked", "Being checked…", "The verifier is loaded and run in this browser.");
  let engine;
  try {
    engine = await import(ENGINE);
    await engine.load();
  } catch {
    unchecked("The verifier did not start: this browser runs no WebAssembly, or the verifier did not arrive.");
    return;
  }
  let proof;
  try {
    proof = await read(place.dataset.proof);
  } catch (error) {
    unchecked(`The service gave no proof (${error.message}), which may itself mean that something in the log is damaged.`);
    return;
  }
  try {
    judge(engine, proof);
  } catch {
    unchecked("The verifier broke off.");
  }
};

check();
