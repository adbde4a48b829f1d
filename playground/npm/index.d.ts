/** Where in a policy something is wrong. */
export interface Fault {
  /** JSON Pointer (RFC 6901); empty for the whole document. */
  pointer: string;
  /** What is wrong and what to do. */
  message: string;
  /** The line, from 1; null where it is not known, absent of what is no fault of a text. */
  line?: number | null;
  /** The column, from 1, in characters; null or absent as the line. */
  column?: number | null;
}

/** A policy cannot be used, or what it is to be used with is missing. */
export class PolicyError extends Error {
  readonly fault: Fault;
}

/** What was done to a body, in counts; never a value. */
export interface Report {
  /** How many records went by. */
  records: number;
  /** How many values were masked. */
  masked: number;
  /** The same by class. */
  classes: Record<string, number>;
  /** The same by who decided: a rule, a detector. */
  rules: { rule: string; masked: number }[];
  /** Bytes that detectors looked at, and those that they did not, by reason. */
  bytes: { scanned: number; notScanned: { exempt: number; tooLong: number } };
  /** Why the body was not masked to its end, and at which byte. */
  error: { message: string; offset: number } | null;
}

/** A masked body. */
export interface Masked {
  /** The masked bytes; of a body that is faulty, what left before that was seen. */
  output: Uint8Array;
  /** How many of them had left behind each chunk, and at the end. */
  ends: Uint32Array;
  report: Report;
}

/** A value that is masked. */
export interface Finding {
  /** Which JSON text of the body, from 0. */
  text: number;
  /** Where in it: a JSON Pointer; null: in a line of an event stream beside its data. */
  pointer: string | null;
  class: string;
  rule: string;
  operator: string;
}

/** The first findings of a body, and how many there are. */
export interface Findings {
  findings: Finding[];
  total: number;
}

/** How a body is read. */
export interface MaskOptions {
  /** Its media type; `application/json` by default. */
  mediaType?: string;
  /** How many bytes are read at once; 0, the default: all. The output is the same. */
  chunk?: number;
  /** The present year, by which an age is told from a birth; that of the clock by default. */
  year?: number;
}

/** A policy that was found valid. */
export class Policy {
  private constructor();
  /** Reads a policy in YAML or JSON. Throws PolicyError. */
  static read(text: string): Policy;
  /** The environment variables whose keys it masks with; none where it needs none. */
  readonly keyNames: string[];
  /** Gives it a key: at least 32 random bytes in base64. */
  setKey(name: string, secret: string): void;
  /** Masks a body. Throws PolicyError where a key is missing or the media type is unknown. */
  mask(body: Uint8Array, options?: MaskOptions): Masked;
  /** Finds what is masked in a body: the first `most` values, 1000 by default. Throws as `mask` does. */
  find(body: Uint8Array, options?: MaskOptions & { most?: number }): Findings;
  /** Gives its memory back. */
  free(): void;
}

/** The head of a log that is to be believed. */
export interface Head {
  holds: true;
  /** The log's name. */
  origin: string;
  /** How many records it had. */
  size: number;
  /** The hash over them, in base64. */
  root: string;
}

/** A proof that holds. */
export interface Proven extends Head {
  /** Which record it is about, from 0. */
  index: number;
  /** The record, as text. */
  record: string;
}

/** Why something does not hold. */
export interface Refused {
  holds: false;
  reason: string;
}

/**
 * Whether a proof (C2SP tlog-proof) holds for its record. `keys` are those to believe, one a line: of the
 * log, and of witnesses, each of which must have cosigned. Without `leaf` it is the record that the proof
 * brings along.
 */
export function verifyProof(proof: Uint8Array, keys: string, leaf?: Uint8Array): Proven | Refused;

/** Whether the signed head of a log is one to believe. */
export function verifyCheckpoint(checkpoint: Uint8Array, keys: string): Head | Refused;

/**
 * Loads the module, once. By default it is the file beside this one; given may be its bytes, or what
 * `fetch` takes.
 */
export function load(source?: BufferSource | string | URL | Response): Promise<void>;
