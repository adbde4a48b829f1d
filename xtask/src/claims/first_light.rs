//! What the first working thread, shown against a real Envoy, promises.

use super::Claim;

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "JSON is masked in single and list responses over HTTP/1.1 and HTTP/2, from chunked \
               and content-length upstreams",
        tests: &[],
    },
    Claim {
        text: "the same bytes come out for every split of a small body into two chunks and for \
               1-byte chunks, native and in the built wasm",
        tests: &[],
    },
    Claim {
        text: "100 MB of NDJSON are masked in stream: Envoy's resident memory grows by less than \
               32 MiB, and the first masked line arrives before the upstream has sent the last",
        tests: &[],
    },
    Claim {
        text: "a flagged request is held, approved narrower, or denied; a hold that ran out leaves \
               an approval that re-sending redeems; approving one's own, approving within the \
               lineage, a second use, a different request (409) and another principal are refused",
        tests: &[],
    },
    Claim {
        text: "with the policy service down, slow or answering rubbish no unmasked byte leaves",
        tests: &[],
    },
    Claim {
        text: "invalid JSON before and in the middle of a body, nesting and a token beyond the \
               limit: no unmasked byte, and the client can tell that the body is not whole",
        tests: &[],
    },
    Claim {
        text: "a canary that a detector knows, planted in body, key, path, query and reason, is \
               found nowhere; a plain word in path, query or key is found nowhere; a plain word in \
               the reason only in its erasable column",
        tests: &[],
    },
    Claim {
        text: "a service that answers without or with another's signature, or replays an old \
               answer, lifts nothing",
        tests: &[],
    },
    Claim {
        text: "DELETE with velum-lift is still reviewed as a delete",
        tests: &[],
    },
    Claim {
        text: "/Patient/%24purge, //, ;x=1 and a doubled % are refused where an action reviews",
        tests: &[],
    },
    Claim {
        text: "a released DELETE reaches an upstream that answers 500 once, although the route \
               retries",
        tests: &[],
    },
    Claim {
        text: "a masked name written back by PUT is refused (422 masked-value)",
        tests: &[],
    },
    Claim {
        text: "README's commands run as written",
        tests: &[],
    },
];
