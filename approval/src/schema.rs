//! What the words look like in JSON, for the document of the service's API. Behind the feature
//! `openapi`, which only the service turns on: the filter has no use for it.
//!
//! Lengths are those of the words, which count bytes; JSON Schema counts characters.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, Ref, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use velum_engine::Class;

use crate::found::Found;
use crate::keys::KeyedToken;
use crate::messages::{ClassCounts, DenyCode};
use crate::stops::StopScope;
use crate::tags::Tags;
use crate::words::{
    ActionName, ApprovalId, EmergencyId, FieldPath, Fingerprint, GatewayId, Identity, IdentityKind,
    Lineage, PersonId, PolicyDigest, Reason, RuleName, Salt, StopId, Timestamp, UseKey, WorkerId,
};

const ID: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
const NO_CONTROL: &str = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$";
const FIELD_PATH: &str = "^\\$(\\[\\*\\]|\\.\\*|\\.[A-Za-z_][A-Za-z_-]*([0-9][A-Za-z_-]*){0,3})*$";
const BYTES_16: &str = "^[A-Za-z0-9_-]{21}[AQgw]$";
const BYTES_32: &str = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$";

fn text(pattern: &str, most: usize, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .pattern(Some(pattern))
        .min_length(Some(1))
        .max_length(Some(most))
        .description(Some(description))
}

/// `schema!(Type => expression)`: the type's own name, and what it looks like.
macro_rules! schema {
    ($($name:ident => $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Schema::from($schema).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*

        /// Every word, by its name.
        pub fn words() -> Vec<(Cow<'static, str>, RefOr<Schema>)> {
            vec![$((<$name as ToSchema>::name(), <$name as PartialSchema>::schema())),*]
        }
    };
}

schema! {
    ApprovalId => text(ID, 64, "The id of an approval. Not a secret: of no use to another principal.");
    StopId => text(ID, 64, "The id of a stop.");
    EmergencyId => text(ID, 64, "The id of an emergency access.");
    RuleName => text(ID, 64, "The name of a masking rule of the policy.");
    FieldPath => text(FIELD_PATH, 160, "Where values stand in a response: `$.name[*].family`. Keys that the policy does not name are `*`.");
    PersonId => text(NO_CONTROL, 128, "A person, by their id in the service's directory.");
    GatewayId => text(NO_CONTROL, 128, "A gateway, by its id in the service's configuration.");
    ActionName => text(NO_CONTROL, 128, "An action of the policy.");
    Reason => text(NO_CONTROL, Reason::MOST_BYTES, "What a person wrote: one line.");
    UseKey => text(BYTES_16, 22, "16 random bytes in base64url: the key of one stream, or a nonce.");
    WorkerId => text(BYTES_16, 22, "16 random bytes in base64url: one worker, from its start to its end.");
    KeyedToken => text(BYTES_16, 22, "Tells equal values for equal to whoever has the key; it says nothing of them.");
    Fingerprint => text(BYTES_32, 43, "What the request is bound to: HMAC-SHA-256 in base64url.");
    Salt => text(BYTES_32, 43, "32 random bytes in base64url, behind which a text is committed to.");
    PolicyDigest => text(BYTES_32, 43, "SHA-256 of a policy, in base64url.");
    Tags => ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .pattern(Some("^[A-Za-z0-9_-]*$"))
        .max_length(Some(Tags::MOST * 32 / 3 + 1))
        .description(Some("At most 4,096 tags of 8 bytes, sorted, each once: the base64url of all of them."));
    Timestamp => ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .maximum(Some(Timestamp::LATEST.as_millis()))
        .description(Some("Milliseconds since 1970-01-01T00:00:00Z."));
    Identity => ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .property("kind", Ref::from_schema_name("IdentityKind"))
        .property("issuer", text("^[^\\u0000-\\u001F\\u007F-\\u009F]*$", 512, "Who vouches for it; never empty for a JWT.").min_length(None))
        .property("subject", text(NO_CONTROL, 512, "Whom they name."))
        .required("kind").required("issuer").required("subject")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .description(Some("An identity: who vouches for it, and whom they name. Never a bare name."));
    IdentityKind => names(
        [IdentityKind::Jwt, IdentityKind::Certificate, IdentityKind::Header, IdentityKind::FilterState]
            .map(IdentityKind::name),
        "What vouches for an identity.",
    );
    Lineage => ArrayBuilder::new()
        .items(Ref::from_schema_name("Identity"))
        .min_items(Some(1))
        .max_items(Some(Lineage::MOST))
        .description(Some("Everyone behind a request, its principal included."));
    Found => counts(1, (1 << 53) - 1, "How often values of each class were found.");
    ClassCounts => counts(0, 1 << 40, "Counts by class.");
    ClassName => names(Class::ALL.iter().map(|class| class.name()), "A class of identifiers.");
    DenyCode => names(DenyCode::ALL.iter().map(|code| code.name()), "Why a request was not allowed.");
    StopScope => OneOfBuilder::new()
        .item(scope("everything", None))
        .item(scope("gateway", Some(("id", "GatewayId"))))
        .item(scope("action", Some(("name", "ActionName"))))
        .item(scope("principal", Some(("identity", "Identity"))))
        .item(scope("approval", Some(("id", "ApprovalId"))))
        .description(Some("What is stopped. An approval is stopped by revoking it."));
}

/// The name of a class, as arrays of classes hold it.
pub struct ClassName;

fn names(names: impl IntoIterator<Item = &'static str>, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(names))
        .description(Some(description))
}

fn counts(least: u64, most: u64, description: &str) -> ObjectBuilder {
    let count = || {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(least))
            .maximum(Some(most))
    };
    let mut object = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .description(Some(description));
    for class in Class::ALL {
        object = object.property(class.name(), count());
    }
    object
}

fn scope(kind: &'static str, what: Option<(&str, &str)>) -> ObjectBuilder {
    let object = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .property("kind", names([kind], "What kind it is."))
        .required("kind")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    match what {
        Some((name, schema)) => object
            .property(name, Ref::from_schema_name(schema))
            .required(name),
        None => object,
    }
}
