//! Typed reading of a [`Node`], each step knowing where in the document it stands.

use crate::error::{ConfigError, child_pointer};
use crate::tree::Node;

/// The largest integer that every reader of JSON has exactly (2^53 - 1).
const LARGEST_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    node: &'a Node,
    pointer: String,
}

/// The members of an object whose names are all known.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    at: Cursor<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self {
            node,
            pointer: String::new(),
        }
    }

    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    pub(crate) fn fault(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.pointer.clone(), message)
    }

    fn child(&self, name: &str, node: &'a Node) -> Self {
        Self {
            node,
            pointer: child_pointer(&self.pointer, name),
        }
    }

    /// An object with no other members than `known`; those in `later` are refused as to come.
    pub(crate) fn object(&self, known: &[&str], later: &[&str]) -> Result<Fields<'a>, ConfigError> {
        for (name, child) in self.members()? {
            if later.contains(&name) {
                return Err(child.fault("not yet supported: leave it out"));
            }
            if !known.contains(&name) {
                return Err(child.fault(format!("unknown key; known here: {}", known.join(", "))));
            }
        }
        Ok(Fields { at: self.clone() })
    }

    /// An object with exactly one member, whose name is one of `known`.
    pub(crate) fn choice(
        &self,
        known: &[&str],
        later: &[&str],
    ) -> Result<(&'a str, Self), ConfigError> {
        self.object(known, later)?;
        let mut members = self.members()?.into_iter();
        match (members.next(), members.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(self.fault(format!("give exactly one of: {}", known.join(", ")))),
        }
    }

    /// The members of an object of any names, in the document's order.
    pub(crate) fn members(&self) -> Result<Vec<(&'a str, Self)>, ConfigError> {
        match self.node {
            Node::Object(members) => Ok(members
                .iter()
                .map(|(name, node)| (name.as_str(), self.child(name, node)))
                .collect()),
            _ => Err(self.fault("must be an object")),
        }
    }

    /// The items of an array that is not empty.
    pub(crate) fn items(&self) -> Result<Vec<Self>, ConfigError> {
        match self.node {
            Node::Array(items) if items.is_empty() => {
                Err(self.fault("is empty: leave it out, or name at least one"))
            }
            Node::Array(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, node)| self.child(&index.to_string(), node))
                .collect()),
            _ => Err(self.fault("must be a list")),
        }
    }

    /// One value, or the items of a list.
    pub(crate) fn one_or_more(&self) -> Result<Vec<Self>, ConfigError> {
        match self.node {
            Node::Array(_) => self.items(),
            _ => Ok(vec![self.clone()]),
        }
    }

    /// A string that is not empty and holds no control character.
    pub(crate) fn string(&self) -> Result<&'a str, ConfigError> {
        match self.node {
            Node::String(text) if text.is_empty() => Err(self.fault("must not be empty")),
            Node::String(text) if text.chars().any(char::is_control) => {
                Err(self.fault("must not hold control characters"))
            }
            Node::String(text) => Ok(text),
            _ => Err(self.fault("must be a string; quote it")),
        }
    }

    pub(crate) fn bool(&self) -> Result<bool, ConfigError> {
        match self.node {
            Node::Bool(value) => Ok(*value),
            _ => Err(self.fault("must be true or false")),
        }
    }

    /// An integer within `from..=to`; it may be written as a double without fraction.
    pub(crate) fn integer(&self, from: u64, to: u64) -> Result<u64, ConfigError> {
        let Node::Number(value) = self.node else {
            return Err(self.fault("must be a number"));
        };
        if value.fract() != 0.0 || !(0.0..=LARGEST_INTEGER).contains(value) {
            return Err(self.fault(format!("must be an integer from {from} to {to}")));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 0 to 2^53 - 1, checked above"
        )]
        let integer = *value as u64;
        if !(from..=to).contains(&integer) {
            return Err(self.fault(format!("must be an integer from {from} to {to}")));
        }
        Ok(integer)
    }

    /// One of a closed set of words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.node.text();
        words
            .iter()
            .find(|(word, _)| Some(*word) == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.fault(format!("must be one of: {}", known.join(", ")))
            })
    }

    /// A list of words without repetition, each read by `read`.
    pub(crate) fn distinct<T: PartialEq>(
        &self,
        read: impl Fn(&Self) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        let mut values = Vec::new();
        for item in self.items()? {
            let value = read(&item)?;
            if values.contains(&value) {
                return Err(item.fault("is listed twice: keep one of the two"));
            }
            values.push(value);
        }
        Ok(values)
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn node(&self) -> &'a Node {
        self.at.node
    }

    pub(crate) fn optional(&self, name: &str) -> Option<Cursor<'a>> {
        self.at
            .node
            .member(name)
            .map(|node| self.at.child(name, node))
    }

    pub(crate) fn required(&self, name: &str) -> Result<Cursor<'a>, ConfigError> {
        self.optional(name)
            .ok_or_else(|| self.at.fault(format!("needs the key {name:?}")))
    }
}
