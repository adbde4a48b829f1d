// What can be looked at first. Nobody's data: all of it is invented.

export const POLICIES = [
  { name: 'Example policy', file: 'policy.yaml' },
  { name: 'Only profiles', file: 'profiles.yaml' },
  { name: 'Every operator', file: 'operators.yaml' },
  { name: 'A faulty policy', file: 'faulty.yaml' },
];

export const BODIES = [
  { name: 'FHIR Patient', file: 'patient.json', mediaType: 'application/fhir+json' },
  { name: 'FHIR Bundle', file: 'bundle.json', mediaType: 'application/fhir+json' },
  { name: 'FHIR as NDJSON', file: 'patients.ndjson', mediaType: 'application/fhir+ndjson' },
  { name: 'Any JSON', file: 'ticket.json', mediaType: 'application/json' },
  { name: 'Server-sent events', file: 'chat.txt', mediaType: 'text/event-stream' },
  { name: 'A faulty body', file: 'faulty.txt', mediaType: 'application/json' },
];

/** Media types, and the endings of files that have them. */
export const MEDIA_TYPES = [
  ['application/json', ['json']],
  ['application/fhir+json', []],
  ['application/x-ndjson', ['ndjson', 'jsonl']],
  ['application/fhir+ndjson', []],
  ['application/json-seq', ['json-seq']],
  ['application/stream+json', []],
  ['text/event-stream', []],
];

export async function sample(file) {
  const response = await fetch(new URL(`./samples/${file}`, import.meta.url));
  if (!response.ok) {
    throw new Error(`samples/${file}: ${response.status}`);
  }
  return response.text();
}
