//! A policy, and what it makes of a body.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use velum_engine::{
    Class, ClassSet, Error, Finder, Finding, Framing, Keyring, Masker, Options, Report, Ruleset,
};
use velum_policy::document;
use wasm_bindgen::prelude::wasm_bindgen;

/// A policy that was found valid, with the keys it masks with.
#[wasm_bindgen]
pub struct Policy {
    policy: velum_policy::Policy,
    /// By the names of their environment variables.
    keys: BTreeMap<String, String>,
}

/// A masked body and what is told of it.
#[wasm_bindgen]
pub struct Masked {
    output: Vec<u8>,
    ends: Vec<u32>,
    report: Value,
}

#[wasm_bindgen]
impl Policy {
    /// Reads a policy in YAML or JSON, or the one in an Envoy configuration.
    ///
    /// # Errors
    /// The first fault, as a JSON object: `pointer`, `message`, and `line` and `column`, null where they
    /// are not known.
    pub fn read(text: &str) -> Result<Self, String> {
        let policy = document::from_text(text).map_err(|error| {
            let place = document::place(text, &error.pointer);
            let fault = json!({
                "pointer": error.pointer,
                "message": error.message,
                "line": place.map(|place| place.line),
                "column": place.map(|place| place.column),
            });
            fault.to_string()
        })?;
        Ok(Self {
            policy,
            keys: BTreeMap::new(),
        })
    }

    /// The names of the environment variables whose keys it masks with; none where it needs none.
    #[wasm_bindgen(js_name = keyNames)]
    pub fn key_names(&self) -> Vec<String> {
        let keys = self.policy.keys().iter();
        let needed = keys.filter(|_| self.policy.rules().needs_key());
        needed.map(|key| key.environment.clone()).collect()
    }

    /// Gives it a key, in base64, as the environment variable of this name would.
    #[wasm_bindgen(js_name = setKey)]
    pub fn set_key(&mut self, name: &str, secret: &str) {
        self.keys.insert(name.to_owned(), secret.to_owned());
    }

    /// Masks a body that comes in chunks of so many bytes; 0: in one. `year` is the present one.
    ///
    /// # Errors
    /// As [`read`](Self::read): a key is missing or is none, or no JSON of this media type can be read.
    /// What is wrong with the body stands in the report.
    pub fn mask(
        &self,
        body: &[u8],
        media_type: &str,
        chunk: usize,
        year: u16,
    ) -> Result<Masked, String> {
        let rules = Arc::clone(self.policy.rules());
        let mut masker = Masker::new(rules, self.options(media_type, year)?);
        let mut output = Vec::with_capacity(body.len());
        let mut ends = Vec::new();
        let mut end = |output: &Vec<u8>| ends.push(u32::try_from(output.len()).unwrap_or(u32::MAX));
        let size = if chunk == 0 { usize::MAX } else { chunk };
        let fed = body.chunks(size).try_for_each(|chunk| {
            masker.feed(chunk, &mut output)?;
            end(&output);
            Ok(())
        });
        let done = fed.and_then(|()| masker.finish(&mut output));
        end(&output);
        let report = told(masker.report(), self.policy.rules(), done.err());
        Ok(Masked {
            output,
            ends,
            report,
        })
    }

    /// Finds which values of a body are masked, and gives the first `most` of them as a JSON object.
    ///
    /// # Errors
    /// As [`mask`](Self::mask).
    pub fn find(
        &self,
        body: &[u8],
        media_type: &str,
        most: usize,
        year: u16,
    ) -> Result<String, String> {
        let rules = Arc::clone(self.policy.rules());
        let mut finder = Finder::new(rules, self.options(media_type, year)?);
        // What is wrong with the body is told where it is masked; what was found before that stays.
        let _ = finder.feed(body).and_then(|()| finder.finish());
        let (mut findings, mut total) = (Vec::new(), 0_usize);
        for finding in finder.findings() {
            total += 1;
            if total <= most {
                findings.push(of_finding(&finding));
            }
        }
        Ok(json!({"findings": findings, "total": total}).to_string())
    }

    fn options(&self, media_type: &str, year: u16) -> Result<Options, String> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let framing = Framing::of_media_type(&essence.to_ascii_lowercase());
        let framing = framing.ok_or_else(|| fault("", "no JSON of this media type can be read"))?;
        Ok(Options {
            framing,
            limits: self.policy.limits().engine,
            lift: ClassSet::EMPTY,
            terms: None,
            keys: self.keyring()?,
            year,
        })
    }

    fn keyring(&self) -> Result<Keyring, String> {
        let keyring = self.policy.keyring(|name| self.keys.get(name).cloned());
        keyring.map_err(|error| fault(&error.pointer, &error.message))
    }
}

#[wasm_bindgen]
impl Masked {
    /// The masked body; of one that could not be masked to its end, what left before that was seen.
    #[wasm_bindgen(getter)]
    pub fn output(&self) -> Vec<u8> {
        self.output.clone()
    }

    /// How much of it had left behind each chunk, and at the end.
    #[wasm_bindgen(getter)]
    pub fn ends(&self) -> Vec<u32> {
        self.ends.clone()
    }

    /// What was masked, in counts, what was looked at, and what is wrong with the body: a JSON object.
    #[wasm_bindgen(getter)]
    pub fn report(&self) -> String {
        self.report.to_string()
    }
}

fn fault(pointer: &str, message: &str) -> String {
    json!({"pointer": pointer, "message": message}).to_string()
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "text": finding.text,
        "pointer": finding.pointer,
        "class": finding.class.name(),
        "rule": finding.rule,
        "operator": finding.operator,
    })
}

fn told(report: &Report, rules: &Ruleset, error: Option<Error>) -> Value {
    let classes = Class::ALL
        .iter()
        .map(|class| (*class, report.masked(*class)));
    let classes: Map<String, Value> = classes
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| (class.name().to_owned(), count.into()))
        .collect();
    let by_rule = report.by_rule(rules);
    let by_rule: Vec<Value> = by_rule
        .map(|count| json!({"rule": count.rule, "masked": count.masked}))
        .collect();
    let not_scanned = report.not_scanned();
    let error = error.map(|error| json!({"message": error.to_string(), "offset": error.offset}));
    json!({
        "records": report.records(),
        "masked": report.masked_total(),
        "classes": classes,
        "rules": by_rule,
        "bytes": {
            "scanned": report.scanned(),
            "notScanned": {"exempt": not_scanned.exempt, "tooLong": not_scanned.too_long},
        },
        "error": error,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Policy;

    const PII: &str = "{version: 1, masking: {profiles: [pii]}}";
    const JSON: &str = "application/json";
    const YEAR: u16 = 2026;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn refused<T>(outcome: Result<T, String>) -> Value {
        parsed(&outcome.err().unwrap())
    }

    #[test]
    fn the_output_does_not_hang_on_the_chunks() {
        let policy = Policy::read(PII).unwrap();
        let body = br#"{"people":[{"phone":"555-0123","note":"ask a@b.example"}]}"#;
        let whole = policy.mask(body, JSON, 0, YEAR).unwrap();
        assert_eq!(whole.ends.len(), 2);
        for chunk in 1..=body.len() {
            let masked = policy.mask(body, JSON, chunk, YEAR).unwrap();
            assert_eq!(masked.output, whole.output, "{chunk}");
            assert_eq!(masked.ends.len(), body.len().div_ceil(chunk) + 1);
            assert!(masked.ends.is_sorted());
            assert_eq!(masked.report, whole.report);
        }
    }

    #[test]
    fn findings_say_where_what_by_which_rule_and_how() {
        let text = r#"{version: 1, masking: {profiles: [pii],
            rules: [{name: wards, key: ward, class: address, operator: "null"}]}}"#;
        let policy = Policy::read(text).unwrap();
        let body = br#"[{"ward":"4b","phone":"555-0123"}]"#;
        let found = parsed(&policy.find(body, JSON, 1, YEAR).unwrap());
        let ward = json!({"text": 0, "pointer": "/0/ward", "class": "address", "rule": "wards",
            "operator": "null"});
        assert_eq!(found, json!({"findings": [ward], "total": 2}));
    }

    #[test]
    fn a_fault_of_a_policy_has_its_line() {
        let fault = refused(Policy::read("version: 1\nmasking:\n  profile: [pii]\n"));
        assert_eq!(fault["pointer"], "/masking/profile");
        assert_eq!((&fault["line"], &fault["column"]), (&json!(3), &json!(12)));
        assert_eq!(refused(Policy::read("version: [\n"))["pointer"], "");
    }

    #[test]
    fn a_fault_of_a_body_is_told_without_its_text() {
        let policy = Policy::read(PII).unwrap();
        let masked = policy
            .mask(br#"{"phone": thistlewood}"#, JSON, 0, YEAR)
            .unwrap();
        assert_eq!(
            masked.report["error"],
            json!({"message": "invalid JSON at byte 11", "offset": 11})
        );
        assert!(!masked.report.to_string().contains("thistlewood"));
        let picture = refused(policy.mask(b"", "image/png", 0, YEAR));
        assert_eq!(picture["message"], "no JSON of this media type can be read");
    }

    #[test]
    fn keys_come_from_the_caller() {
        let text = r"{version: 1, masking: {keys: [{id: k1, environment: KEY}],
            rules: [{name: ids, key: mrn, class: mrn, operator: {token: {}}}]}}";
        let mut policy = Policy::read(text).unwrap();
        assert_eq!(policy.key_names(), ["KEY"]);
        let missing = refused(policy.mask(b"{}", JSON, 0, YEAR));
        assert_eq!(missing["pointer"], "/masking/keys/0");
        policy.set_key("KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        let masked = policy.mask(br#"{"mrn":"x-1"}"#, JSON, 0, YEAR).unwrap();
        assert!(
            masked.report["error"].is_null() && !masked.output.windows(3).any(|it| it == b"x-1")
        );
    }
}
