// A policy as the fragment of an address: no server is ever sent a fragment. Never a body.

const NAME = 'policy=';
/** Longer addresses are cut by what they are pasted into. */
export const MOST_CHARACTERS = 32_000;

export function fragmentOf(policy) {
  const binary = Array.from(new TextEncoder().encode(policy), (byte) => String.fromCharCode(byte));
  const base64 = btoa(binary.join(''));
  return `#${NAME}${base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** The policy of a fragment; null: it has none that can be read. */
export function policyOf(fragment) {
  if (!fragment.startsWith(`#${NAME}`)) {
    return null;
  }
  try {
    const base64 = fragment.slice(NAME.length + 1).replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
