//! What one operation says of itself.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::problem::PROBLEM_TYPE_BASE;

/// An operation of the document.
pub(crate) struct Described {
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    /// The kinds of problems of each status.
    problems: BTreeMap<u16, Vec<&'static str>>,
    /// The types that it names, by their names.
    pub(super) schemas: BTreeMap<String, Value>,
}

impl Described {
    /// With the id by which generated clients call it.
    pub(crate) fn new(
        id: &'static str,
        summary: &'static str,
        description: &'static str,
    ) -> Described {
        Described {
            id,
            summary,
            description,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            problems: BTreeMap::new(),
            schemas: BTreeMap::new(),
        }
    }

    /// It takes a body of this type.
    pub(crate) fn takes<T: ToSchema + DeserializeOwned>(mut self, example: &Value) -> Described {
        debug_assert!(
            serde_json::from_value::<T>(example.clone()).is_ok(),
            "the example of {}",
            self.id
        );
        let schema = self.name::<T>();
        self.body = Some(json!({
            "required": true,
            "content": {"application/json": {"schema": schema, "example": example}},
        }));
        self
    }

    /// It answers a document of this type.
    pub(crate) fn gives<T: ToSchema + Serialize>(
        mut self,
        status: u16,
        description: &str,
    ) -> Described {
        let schema = self.name::<T>();
        self.answers(status, description, &schema)
    }

    /// The same, where the schema is at hand.
    pub(crate) fn answers(mut self, status: u16, description: &str, schema: &Value) -> Described {
        let content = json!({"application/json": {"schema": schema}});
        self.answers.insert(
            status,
            json!({"description": description, "content": content}),
        );
        self
    }

    /// It answers text.
    pub(crate) fn says(mut self, media_type: &str, description: &str) -> Described {
        let content = json!({media_type: {"schema": {"type": "string"}}});
        self.answers
            .insert(200, json!({"description": description, "content": content}));
        self
    }

    /// It answers without a body.
    pub(crate) fn empty(mut self, status: u16, description: &str) -> Described {
        self.answers
            .insert(status, json!({"description": description}));
        self
    }

    /// The answer of this status, which was described before, has the entity tag of an approval.
    pub(crate) fn tagged(mut self, status: u16) -> Described {
        if let Some(answer) = self.answers.get_mut(&status) {
            answer["headers"]["ETag"] = json!({
                "description": "The version in quotes; behind a dot how many outcomes were reported.",
                "schema": {"type": "string"},
                "example": "\"3\"",
            });
        }
        self
    }

    /// It may refuse with these kinds of problems.
    pub(crate) fn refuses(mut self, status: u16, codes: &[&'static str]) -> Described {
        let known = self.problems.entry(status).or_default();
        for code in codes {
            if !known.contains(code) {
                known.push(code);
            }
        }
        self
    }

    /// It looks at this parameter of the query.
    pub(crate) fn query(self, name: &str, description: &str, schema: &Value) -> Described {
        self.parameter("query", name, description, schema, false)
    }

    /// The same with the schema of a type.
    pub(crate) fn query_of<T: ToSchema>(mut self, name: &str, description: &str) -> Described {
        let schema = self.name::<T>();
        self.query(name, description, &schema)
    }

    /// It looks at this header.
    pub(crate) fn header(self, name: &str, description: &str, schema: &Value) -> Described {
        self.parameter("header", name, description, schema, false)
    }

    /// It is about one thing, whose id stands in the path.
    /// A part of its path.
    pub(crate) fn path(self, name: &str, description: &str, schema: &Value) -> Described {
        self.parameter("path", name, description, schema, true)
    }

    pub(super) fn path_id(self) -> Described {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 64,
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$"});
        self.parameter("path", "id", "Which.", &schema, true)
    }

    pub(super) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        description: &str,
        schema: &Value,
        required: bool,
    ) -> Described {
        self.parameters.push(json!({
            "in": place, "name": name, "description": description, "required": required,
            "schema": schema,
        }));
        self
    }

    /// Notes the type, and returns a reference to it.
    fn name<T: ToSchema>(&mut self) -> Value {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        let schemas = schemas.into_iter();
        self.schemas
            .extend(schemas.map(|(name, schema)| (name, json!(schema))));
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    pub(super) fn into_value(self) -> Value {
        let mut responses = Map::new();
        for (status, answer) in self.answers {
            responses.insert(status.to_string(), answer);
        }
        for (status, codes) in self.problems {
            responses.insert(status.to_string(), problem(&codes));
        }
        let mut value = json!({
            "operationId": self.id,
            "summary": self.summary,
            "description": self.description,
            "responses": responses,
        });
        if !self.parameters.is_empty() {
            value["parameters"] = self.parameters.into();
        }
        if let Some(body) = self.body {
            value["requestBody"] = body;
        }
        value
    }
}

fn problem(codes: &[&str]) -> Value {
    let types = codes
        .iter()
        .map(|code| format!("{PROBLEM_TYPE_BASE}{code}"));
    let kinds = codes.iter().map(|code| format!("`{code}`"));
    json!({
        "description": format!("A problem: {}.", kinds.collect::<Vec<_>>().join(", ")),
        "content": {"application/problem+json": {"schema": {
            "allOf": [
                {"$ref": "#/components/schemas/Problem"},
                {"properties": {"type": {"enum": types.collect::<Vec<_>>()}}},
            ],
        }}},
    })
}
