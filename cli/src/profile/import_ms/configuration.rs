//! The anonymizer's configuration, as far as it is read.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A configuration. Members that nobody knows are listed as such, not refused: it is not ours.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    pub(super) fhir_version: Option<String>,
    /// What becomes of resources that cannot be read.
    #[serde(rename = "processingErrors", alias = "processingError")]
    _processing_errors: Option<String>,
    pub(super) fhir_path_rules: Vec<Rule>,
    #[serde(default)]
    pub(super) parameters: Parameters,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) path: String,
    pub(super) method: String,
    pub(super) replace_with: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Parameters {
    #[serde(rename = "enablePartialDatesForRedact")]
    pub(super) partial_dates: bool,
    #[serde(rename = "enablePartialAgesForRedact")]
    pub(super) partial_ages: bool,
    #[serde(rename = "enablePartialZipCodesForRedact")]
    pub(super) partial_zips: bool,
    /// All others; keys are among them, and none is taken over.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// Parameters that are known and have no counterpart; what is said of their methods says why.
pub(super) const WITHOUT_COUNTERPART: &[&str] = &[
    "dateShiftKey",
    "dateShiftScope",
    "dateShiftFixedOffsetInDays",
    "cryptoHashKey",
    "encryptKey",
    "restrictedZipCodeTabulationAreas",
];

/// What the anonymizer does with what a rule selects.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Method {
    Keep,
    Redact,
    DateShift,
    CryptoHash,
    Encrypt,
    Substitute(Value),
    Perturb,
    Generalize,
}

impl Rule {
    /// Its method; names are read without regard to case, as they are there.
    pub(super) fn method(&self) -> Option<Method> {
        Some(match self.method.to_ascii_lowercase().as_str() {
            "keep" => Method::Keep,
            "redact" => Method::Redact,
            "dateshift" => Method::DateShift,
            "cryptohash" => Method::CryptoHash,
            "encrypt" => Method::Encrypt,
            "substitute" => Method::Substitute(self.replace_with.clone().unwrap_or(Value::Null)),
            "perturb" => Method::Perturb,
            "generalize" => Method::Generalize,
            _ => return None,
        })
    }
}
