// How long a body of 1 MB takes to mask, in the V8 that Chromium has too.
import { engine, policyOf, PAGE, sample } from './parts.js';
import { join } from 'node:path';

const patient = sample('bundle.json').toString().trim();
const count = Math.floor((1 << 20) / (patient.length + 2));
const body = new TextEncoder().encode(`[${Array(count).fill(patient).join(',\n')}]`);

const median = (times) => times.toSorted((one, other) => one - other)[times.length >> 1];

function timed(step) {
  const times = [];
  for (let run = 0; run < 15; run += 1) {
    const begun = performance.now();
    step();
    times.push(performance.now() - begun);
  }
  return { first: times[0], median: median(times) };
}

for (const name of ['policy.yaml', 'profiles.yaml', 'operators.yaml']) {
  const policy = policyOf(join(PAGE, 'samples', name));
  const masked = timed(() => policy.mask(body));
  const found = timed(() => policy.find(body, { most: 2000 }));
  const told = ({ first, median: middle }) => `${middle.toFixed(1)} ms (the first ${first.toFixed(1)})`;
  console.log(`${name}: ${body.length} bytes masked in ${told(masked)}, findings in ${told(found)}`);
}
void engine;
