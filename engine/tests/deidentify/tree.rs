//! A JSON text as a tree that keeps the order of members and the spelling of every value.

use serde::de::IgnoredAny;

pub(crate) struct Tree<'a> {
    /// As it stands in the text.
    pub(crate) raw: &'a str,
    pub(crate) kind: Kind<'a>,
}

pub(crate) enum Kind<'a> {
    Object(Vec<(String, Tree<'a>)>),
    Array(Vec<Tree<'a>>),
    String(String),
    /// Number, boolean or null.
    Other,
}

impl<'a> Tree<'a> {
    /// The text is checked strictly first, and then read loosely.
    pub(crate) fn read(text: &'a str) -> Self {
        if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
            panic!("not valid JSON: {error}");
        }
        let mut reader = Reader { text, at: 0 };
        reader.value()
    }

    /// One tree a line.
    pub(crate) fn read_lines(text: &'a str) -> Vec<Self> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(Self::read).collect()
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let mut members = self.members().iter();
        members.find(|(key, _)| key == name).map(|(_, tree)| tree)
    }

    pub(crate) fn members(&self) -> &[(String, Self)] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of an array; of anything else, itself.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(elements) => elements,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn member_text(&self, name: &str) -> Option<&str> {
        self.member(name).and_then(Tree::text)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.at += rest.iter().take_while(is_space).count();
    }

    fn peek(&mut self) -> u8 {
        self.space();
        self.text.as_bytes()[self.at]
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == byte;
        self.at += usize::from(is_it);
        is_it
    }

    fn value(&mut self) -> Tree<'a> {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                while !self.takes(b'}') {
                    self.takes(b',');
                    self.space();
                    let name = self.string();
                    assert!(self.takes(b':'));
                    members.push((name, self.value()));
                }
                Kind::Object(members)
            }
            b'[' => {
                self.at += 1;
                let mut elements = Vec::new();
                while !self.takes(b']') {
                    self.takes(b',');
                    elements.push(self.value());
                }
                Kind::Array(elements)
            }
            b'"' => Kind::String(self.string()),
            _ => {
                let rest = &self.text.as_bytes()[self.at..];
                let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte);
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
                Kind::Other
            }
        };
        let raw = &self.text[start..self.at];
        Tree { raw, kind }
    }

    fn string(&mut self) -> String {
        let bytes = self.text.as_bytes();
        let start = self.at;
        self.at += 1;
        while bytes[self.at] != b'"' {
            self.at += 1 + usize::from(bytes[self.at] == b'\\');
        }
        self.at += 1;
        let raw = &self.text[start..self.at];
        if raw.contains('\\') {
            serde_json::from_str(raw).unwrap()
        } else {
            raw[1..raw.len() - 1].to_owned()
        }
    }
}

#[test]
fn order_and_spelling_are_kept() {
    let text = r#" {"b" : [1.50e3, -0,"\u00e9"], "a":{}, "b":null } "#;
    let tree = Tree::read(text);
    let names: Vec<_> = tree.members().iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["b", "a", "b"]);
    let raw: Vec<_> = tree.members()[0]
        .1
        .elements()
        .iter()
        .map(|t| t.raw)
        .collect();
    assert_eq!(raw, ["1.50e3", "-0", r#""\u00e9""#]);
    assert_eq!(tree.members()[0].1.elements()[2].text(), Some("é"));
}
