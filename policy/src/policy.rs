//! The policy in force: what the configuration document says, ready for use.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use velum_engine::{Keyring, Ruleset};

use crate::action::Action;
use crate::condition::Atom;
use crate::error::ConfigError;
use crate::load;
use crate::policies::Policies;
use crate::request::{Refusal, Request, Verdict};
use crate::tree::Node;

/// A configuration document that was found valid.
pub struct Policy {
    pub(crate) digest: [u8; 32],
    pub(crate) identity: Option<IdentitySource>,
    pub(crate) rules: Arc<Ruleset>,
    pub(crate) rule_names: Vec<String>,
    pub(crate) keys: Vec<MaskingKey>,
    pub(crate) limits: Limits,
    pub(crate) responses: Responses,
    pub(crate) headers_stop_iteration: bool,
    pub(crate) service: Option<PolicyService>,
    pub(crate) mode: Mode,
    pub(crate) access_log: bool,
    pub(crate) actions: Vec<Action>,
    pub(crate) reads_route: bool,
    /// Whole path segments that the policy names, with their place.
    pub(crate) literal_segments: BTreeSet<(Option<usize>, String)>,
    /// Query parameters that the policy names.
    pub(crate) query_names: BTreeSet<String>,
}

/// Where the principal of a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// Claims that Envoy's JWT filter verified and left in dynamic metadata.
    Jwt {
        /// The metadata's namespace, then the keys down to the claims.
        metadata: Vec<String>,
        /// Whom `sub` and `act` name.
        roles: TokenRoles,
    },
    /// The client's verified certificate.
    PeerCertificate {
        /// Which of its names.
        field: CertificateField,
    },
    /// A header that a trusted peer writes.
    Header {
        /// The header's name, in lower case.
        name: String,
        /// Which peers are believed.
        from: Peers,
    },
    /// A text that another filter of Envoy left under this key of the stream's filter state.
    FilterState {
        /// The key.
        key: String,
    },
}

/// Whom the `sub` and the `act` of a token name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRoles {
    /// By RFC 8693: `sub` is the party on whose behalf, `act` who acts.
    Rfc8693,
    /// The other way round: `sub` is the agent that acts, `act` the party on whose behalf.
    Reversed,
}

/// A name in a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateField {
    /// The URI of the subject alternative name, as SPIFFE has it.
    UriSan,
    /// The DNS name of the subject alternative name.
    DnsSan,
    /// The distinguished name.
    Subject,
}

/// The peers whose identity header is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peers {
    /// Whoever connects.
    Any,
    /// Those whose verified certificate has one of these URIs.
    Listed(Vec<String>),
}

/// A secret that the host reads from its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskingKey {
    /// Its name in tokens; the first key of the list writes, all read.
    pub id: String,
    /// The environment variable that holds it.
    pub environment: String,
}

/// The shortest secret taken, in bytes: below it, short identifiers could be found by trial.
const SHORTEST_SECRET: usize = 32;

impl MaskingKey {
    /// Decodes what the variable holds: at least 32 bytes in base64, white space around them.
    ///
    /// ```
    /// use velum_policy::MaskingKey;
    /// let key = MaskingKey { id: "k1".to_owned(), environment: "KEY".to_owned() };
    /// let fault = key.decode("c2hvcnQ=").unwrap_err();
    /// assert!(fault.starts_with("the variable KEY must hold at least 32 random bytes"));
    /// ```
    ///
    /// # Errors
    /// A sentence that names the variable, where it holds something else.
    pub fn decode(&self, value: &str) -> Result<Vec<u8>, String> {
        Self::secret(value)
            .map_err(|message| format!("the variable {} {message}", self.environment))
    }

    /// Decodes a secret that is held elsewhere.
    ///
    /// ```
    /// use velum_policy::MaskingKey;
    /// assert!(MaskingKey::secret("c2hvcnQ=").unwrap_err().starts_with("must hold at least 32 "));
    /// ```
    ///
    /// # Errors
    /// What it must hold, where it holds something else.
    pub fn secret(value: &str) -> Result<Vec<u8>, String> {
        let secret = STANDARD.decode(value.trim()).ok();
        let secret = secret.filter(|secret| secret.len() >= SHORTEST_SECRET);
        secret.ok_or_else(|| {
            format!(
                "must hold at least {SHORTEST_SECRET} random bytes in base64; make one with: \
                 openssl rand -base64 32"
            )
        })
    }
}

/// Bounds on what is held in memory for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The engine's own.
    pub engine: velum_engine::Limits,
    /// The longest body that is held whole, in bytes: of a request (a longer one is refused with 413),
    /// or a text of a response (502).
    pub held_body: usize,
    /// How many times as long as it came a compressed response may become; beyond it is refused.
    pub expansion: usize,
}

impl Limits {
    /// So many copies of a whole body that is no JSON are in memory at a time while it is masked: of a
    /// form, its fields, the same as JSON, what that becomes, its fields, and the form made of them.
    pub const COPIES: usize = 12;

    /// What may be in memory, in bytes, of what waits within a stream: one string with its other
    /// readings, and what waits for a sibling, each as it is moved to where there is more room.
    pub fn waiting(&self) -> usize {
        let engine = &self.engine;
        (engine.token_bytes.saturating_mul(16)).saturating_add(engine.held_bytes.saturating_mul(4))
    }

    /// What one stream may need in memory at most, in bytes: what is asked for before more is taken, what
    /// it has by then, and what other streams have left of the memory in pieces.
    pub(crate) fn most(&self) -> usize {
        let engine = &self.engine;
        let whole = self.held_body.saturating_mul(Self::COPIES + 1);
        let kept = engine.token_bytes.saturating_mul(8);
        let kept = kept.saturating_add(engine.held_bytes.saturating_mul(4));
        self.waiting().saturating_add(whole).saturating_add(kept)
    }
}

/// How responses are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Responses {
    /// What becomes of media types that cannot be inspected.
    pub otherwise: UnreadableMedia,
    /// What becomes of compressed bodies.
    pub encodings: Encodings,
    /// Texts that detectors look at: `text/plain`, `text/html`; others are no media that is read.
    pub text: Vec<&'static str>,
}

/// What becomes of a response that the upstream compressed although it was asked not to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encodings {
    /// It is refused.
    #[default]
    Refuse,
    /// `gzip` and `deflate` are decoded, and go on decoded; others are refused.
    Decode,
}

/// What becomes of a body whose media type cannot be inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnreadableMedia {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes as it is.
    Pass,
}

/// Whether the policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// It does.
    Enforce,
    /// It changes nothing, and tells what it would do.
    Observe,
}

/// Where reviews happen, and whose answers are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyService {
    /// Envoy's cluster.
    pub cluster: String,
    /// The `:authority` of calls.
    pub authority: String,
    /// The environment variable that holds the gateway's token.
    pub token_environment: String,
    /// The Ed25519 keys that may sign an answer.
    pub public_keys: Vec<[u8; 32]>,
}

impl Policy {
    /// Reads a configuration document. Numbers may be doubles, members in any order.
    ///
    /// # Errors
    /// The first fault, with its place: not JSON, a duplicate or unknown key, a value out of range,
    /// what is not yet supported, and every combination that could have no effect or an unsafe one.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        match load::policies(&Node::from_json(json)?)? {
            Policies::Sole(policy) => Ok(*policy),
            Policies::Named(_) => Err(ConfigError::new(
                "/policies",
                "holds several policies, where one is wanted",
            )),
        }
    }

    /// SHA-256 of the document in the form of RFC 8785: the order of members, white space and
    /// `1` for `1.0` do not matter.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Where the principal comes from; none: no request has one.
    pub fn identity(&self) -> Option<&IdentitySource> {
        self.identity.as_ref()
    }

    /// Whether an identity header is believed whoever sends it, which a host says at its start.
    pub fn trusts_any_peer(&self) -> bool {
        matches!(
            self.identity,
            Some(IdentitySource::Header {
                from: Peers::Any,
                ..
            })
        )
    }

    /// What is masked, and how.
    pub fn rules(&self) -> &Arc<Ruleset> {
        &self.rules
    }

    /// The names of those rules that have one, in their order: an approval may be narrowed to them.
    ///
    /// ```
    /// use velum_policy::Policy;
    /// let policy = br#"{"version": 1, "masking": {"rules": [
    ///     {"name": "wards", "key": "ward", "class": "address"}, {"key": "bed", "class": "address"}]}}"#;
    /// assert_eq!(Policy::parse(policy)?.rule_names(), ["wards"]);
    /// # Ok::<(), velum_policy::ConfigError>(())
    /// ```
    pub fn rule_names(&self) -> &[String] {
        &self.rule_names
    }

    /// The masking keys; the first writes.
    pub fn keys(&self) -> &[MaskingKey] {
        &self.keys
    }

    /// The keys that the rules mask with, read by the names of their environment variables. Where no
    /// rule needs one, none is read and the ring is empty.
    ///
    /// ```
    /// use velum_policy::Policy;
    /// let policy = br#"{"version": 1, "masking": {"profiles": ["pii"]}}"#;
    /// assert!(Policy::parse(policy)?.keyring(|_| None).unwrap().is_empty());
    /// # Ok::<(), velum_policy::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// A variable that is not set, or does not hold a key.
    pub fn keyring(
        &self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Keyring, ConfigError> {
        if !self.rules.needs_key() {
            return Ok(Keyring::default());
        }
        let mut secrets = Vec::with_capacity(self.keys.len());
        for (index, key) in self.keys.iter().enumerate() {
            let fault = |message| ConfigError::new(format!("/masking/keys/{index}"), message);
            let value = environment(&key.environment)
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| {
                    let name = &key.environment;
                    fault(format!("the environment variable {name} is not set"))
                })?;
            secrets.push((key.id.clone(), key.decode(&value).map_err(fault)?));
        }
        Keyring::new(secrets).map_err(|error| ConfigError::new("/masking/keys", error.to_string()))
    }

    /// Bounds on memory.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What becomes of media types that cannot be inspected.
    pub fn otherwise(&self) -> UnreadableMedia {
        self.responses.otherwise
    }

    /// How responses are read.
    pub fn responses(&self) -> &Responses {
        &self.responses
    }

    /// Whether Envoy is configured with `allow_on_headers_stop_iteration`.
    pub fn headers_stop_iteration(&self) -> bool {
        self.headers_stop_iteration
    }

    /// The service that reviews; always there where an action reviews or may be asked.
    pub fn policy_service(&self) -> Option<&PolicyService> {
        self.service.as_ref()
    }

    /// Whether the policy acts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the filter leaves what it did where Envoy's access log finds it.
    pub fn access_log(&self) -> bool {
        self.access_log
    }

    /// The actions; the first that matches decides.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The claims that conditions look at, each as the path of member names: what a host has to
    /// put into [`crate::Caller::claims`].
    pub fn claims(&self) -> Vec<&[String]> {
        let mut claims: Vec<&[String]> = Vec::new();
        for when in self
            .actions
            .iter()
            .filter_map(|action| action.when.as_ref())
        {
            when.visit(&mut |atom| {
                if let Atom::Claim { path, .. } = atom
                    && !claims.contains(&path.as_slice())
                {
                    claims.push(path);
                }
            });
        }
        claims
    }

    /// Whether a condition looks at the name of Envoy's route: what a host has to put into
    /// [`Request::route`].
    pub fn reads_route(&self) -> bool {
        self.reads_route
    }

    /// The whole segments of paths that the policy names, each with its place (0 is the first), or with none
    /// where it may be at any. With [`query_names`](Self::query_names): the words that may be shown when a path
    /// or a query is.
    ///
    /// ```
    /// use velum_policy::Policy;
    /// let policy = br#"{"version": 1, "masking": {"profiles": ["pii"]}, "actions": [
    ///     {"name": "chart", "when": {"path": {"segments": "/Patient/{id}"}}, "effect": "mask"}]}"#;
    /// let policy = Policy::parse(policy)?;
    /// assert!(policy.literal_segments().eq([(Some(0), "Patient")]));
    /// # Ok::<(), velum_policy::ConfigError>(())
    /// ```
    pub fn literal_segments(&self) -> impl Iterator<Item = (Option<usize>, &str)> {
        let segments = self.literal_segments.iter();
        segments.map(|(place, segment)| (*place, segment.as_str()))
    }

    /// The names of query parameters that the policy names.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.query_names.iter().map(String::as_str)
    }

    /// Finds the action for a request.
    ///
    /// # Errors
    /// Where any action reviews, denies, inspects requests, refuses writes or may be asked: a path that
    /// upstreams could read in different ways. Where one of them, but for who may be asked, may or may
    /// not match: any other doubt.
    /// Where another method than the request's own would lead to another action: its override.
    pub fn evaluate(&self, request: &Request<'_>) -> Result<Verdict<'_>, Refusal> {
        crate::evaluate::evaluate(&self.actions, self.guards(), request)
    }

    /// Whether any action stops or changes requests, or may be asked.
    pub(crate) fn guards(&self) -> bool {
        let mut actions = self.actions.iter();
        actions.any(|action| action.restricts() || action.ask.is_some())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Policy")
            .field("actions", &self.actions.len())
            .finish_non_exhaustive()
    }
}
