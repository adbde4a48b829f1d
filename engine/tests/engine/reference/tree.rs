//! JSON as it was written: members in their order, duplicates too, every scalar and all white space
//! as raw text. What is parsed prints as it came.
//!
//! The parser is recursive and knows nothing of chunks. It reads what RFC 8259 allows and is not
//! asked to refuse the rest with care: its callers give it what `serde_json` has accepted.

/// A value with the white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) before: String,
    pub(crate) value: Tree,
    pub(crate) after: String,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// The raw text: of a string with its quotes and escapes, of a number as it is spelled.
    Scalar(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
    /// An array or object without anything but this white space: its raw text.
    Empty(String),
}

/// A member: its raw name, quotes included, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) before: String,
    pub(crate) name: String,
    pub(crate) after_name: String,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn new(value: Tree) -> Self {
        Self {
            before: String::new(),
            value,
            after: String::new(),
        }
    }

    /// The text of the value and of the white space around it.
    pub(crate) fn print(&self) -> String {
        let mut out = String::new();
        self.print_to(&mut out);
        out
    }

    fn print_to(&self, out: &mut String) {
        out.push_str(&self.before);
        self.value.print_to(out);
        out.push_str(&self.after);
    }
}

impl Tree {
    fn print_to(&self, out: &mut String) {
        match self {
            Self::Scalar(raw) | Self::Empty(raw) => out.push_str(raw),
            Self::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    element.print_to(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                for (index, member) in members.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    out.push_str(&member.before);
                    out.push_str(&member.name);
                    out.push_str(&member.after_name);
                    out.push(':');
                    member.value.print_to(out);
                }
                out.push('}');
            }
        }
    }
}

/// The text that a raw string stands for.
pub(crate) fn decode(raw: &str) -> String {
    serde_json::from_str(raw).unwrap_or_else(|_| panic!("{raw} is no string"))
}

/// Reads a JSON text.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { text, at: 0 };
    let node = parser.node()?;
    if parser.at == text.len() {
        Ok(node)
    } else {
        Err(format!("something follows at {}", parser.at))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Takes what lies before the first character that is not meant.
    fn take_while(&mut self, meant: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let length = rest.find(|letter| !meant(letter)).unwrap_or(rest.len());
        let taken = rest[..length].to_owned();
        self.at += length;
        taken
    }

    fn space(&mut self) -> String {
        self.take_while(|letter| matches!(letter, ' ' | '\t' | '\n' | '\r'))
    }

    fn takes(&mut self, mark: char) -> bool {
        let found = self.rest().starts_with(mark);
        self.at += usize::from(found);
        found
    }

    fn node(&mut self) -> Result<Node, String> {
        let before = self.space();
        let value = self.value()?;
        let after = self.space();
        Ok(Node {
            before,
            value,
            after,
        })
    }

    fn value(&mut self) -> Result<Tree, String> {
        match self.rest().chars().next() {
            Some('{') => self.items('{', '}', Self::member, Tree::Object),
            Some('[') => self.items('[', ']', Self::node, Tree::Array),
            Some('"') => self.string().map(Tree::Scalar),
            Some(_) => {
                let raw = self
                    .take_while(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
                if raw.is_empty() {
                    return Err(format!("no value at {}", self.at));
                }
                Ok(Tree::Scalar(raw))
            }
            None => Err("the text ends".into()),
        }
    }

    fn items<T>(
        &mut self,
        open: char,
        close: char,
        item: fn(&mut Self) -> Result<T, String>,
        tree: fn(Vec<T>) -> Tree,
    ) -> Result<Tree, String> {
        let start = self.at;
        self.at += 1;
        let space = self.space();
        if self.takes(close) {
            return Ok(Tree::Empty(format!("{open}{space}{close}")));
        }
        self.at = start + 1;
        let mut items = Vec::new();
        loop {
            items.push(item(self)?);
            if self.takes(close) {
                return Ok(tree(items));
            }
            if !self.takes(',') {
                return Err(format!("no comma at {}", self.at));
            }
        }
    }

    fn member(&mut self) -> Result<Member, String> {
        let before = self.space();
        let name = self.string()?;
        let after_name = self.space();
        if !self.takes(':') {
            return Err(format!("no colon at {}", self.at));
        }
        let value = self.node()?;
        Ok(Member {
            before,
            name,
            after_name,
            value,
        })
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        if !self.takes('"') {
            return Err(format!("no string at {start}"));
        }
        loop {
            self.take_while(|letter| letter != '"' && letter != '\\');
            if self.takes('"') {
                return Ok(self.text[start..self.at].to_owned());
            }
            if !self.takes('\\') {
                return Err("a string does not end".into());
            }
            let escaped = self.rest().chars().next().map_or(0, char::len_utf8);
            self.at += escaped;
        }
    }
}

#[test]
fn what_is_parsed_prints_as_it_came() {
    for text in [
        "{}",
        " [ ] ",
        "-0.50e+3\n",
        r#"{"a":1,"a":1e3 , "\u0061" : [ null,true , "x\"\\\u0041" ] }"#,
        r#"[[],{"":{ }},[[0]]]"#,
        "\"\\\\\"",
    ] {
        assert_eq!(parse(text).map(|node| node.print()).as_deref(), Ok(text));
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
    }
    for text in ["", "[1 2]", "{\"a\"}", "[1]x", "\"a", "{1:2}", "[,]"] {
        assert!(parse(text).is_err(), "{text}");
    }
}
