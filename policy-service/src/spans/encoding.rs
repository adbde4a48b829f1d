//! Spans as the protocol has them (OTLP 1, `ExportTraceServiceRequest`); what attributes are called is OpenTelemetry's
//! semantic conventions for HTTP, as far as these have a word.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use super::Named;

/// What the service calls itself there.
const SERVICE: &str = "velum-policy-service";
/// The parent is of another process (`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `…_IS_REMOTE_MASK`), and the
/// trace is sampled.
const FLAGS: u32 = 0x300 | 1;

/// The body of a request that exports them.
pub(super) fn request(spans: Vec<Named>) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let scope = InstrumentationScope {
        name: SERVICE.to_owned(),
        version: version.clone(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: vec![
            text("service.name", SERVICE.to_owned()),
            text("service.version", version),
        ],
        ..Resource::default()
    };
    let spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.into_iter().map(span).collect(),
        ..ScopeSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![spans],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

fn span((id, told): Named) -> Span {
    let ended = u64::try_from(told.ended.as_millis()).unwrap_or_default();
    let ended = ended.saturating_mul(1_000_000);
    let took = u64::try_from(told.took.as_nanos()).unwrap_or(u64::MAX);
    let mut attributes = vec![
        text("http.request.method", told.method.to_owned()),
        KeyValue {
            key: "http.response.status_code".to_owned(),
            value: Some(AnyValue {
                value: Some(Value::IntValue(told.status.into())),
            }),
            ..KeyValue::default()
        },
    ];
    let name = if told.route.is_empty() {
        told.method.to_owned()
    } else {
        format!("{} {}", told.method, told.route)
    };
    for (key, value) in [
        ("http.route", told.route),
        ("velum.caller", told.caller.to_owned()),
        ("velum.caller.id", told.id),
    ] {
        if !value.is_empty() {
            attributes.push(text(key, value));
        }
    }
    let code = if told.status >= 500 {
        StatusCode::Error
    } else {
        StatusCode::Unset
    };
    Span {
        trace_id: told.parent.trace.to_be_bytes().to_vec(),
        span_id: id.to_vec(),
        parent_span_id: told.parent.span.to_be_bytes().to_vec(),
        flags: FLAGS,
        name,
        kind: SpanKind::Server.into(),
        start_time_unix_nano: ended.saturating_sub(took),
        end_time_unix_nano: ended,
        attributes,
        status: Some(Status {
            code: code.into(),
            ..Status::default()
        }),
        ..Span::default()
    }
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value)),
        }),
        ..KeyValue::default()
    }
}
