//! What paths can say and what they cannot: two tables, from which a part of `docs/selecting.md`
//! is written, and which are run.

/// A form that paths have.
struct PathForm {
    form: &'static str,
    meaning: &'static str,
    example: &'static str,
}

const REFERENCE: &[PathForm] = &[
    PathForm {
        form: "$",
        meaning: "the body",
        example: "$",
    },
    PathForm {
        form: ".name",
        meaning: "the member of that name, compared exactly; letters, digits, `_`, all beyond ASCII, \
            and (an extension of ours) `-`, but no digit or `-` first",
        example: "$.patient.birth-date",
    },
    PathForm {
        form: "['name']",
        meaning: "the same, for any name; `\"` does as well, with the escapes `\\b \\t \\n \\f \\r \\\\ \\/ \
            \\uXXXX` and that of the quote",
        example: r#"$['first name']["it's"]['\u00e9']"#,
    },
    PathForm {
        form: ".*",
        meaning: "every member value or element",
        example: "$.contacts.*.phone",
    },
    PathForm {
        form: "[*]",
        meaning: "the same",
        example: "$.entry[*].resource",
    },
    PathForm {
        form: "[0]",
        meaning: "the element at that place, from 0",
        example: "$.name[0].family",
    },
    PathForm {
        form: "..name",
        meaning: "the members of that name at any depth",
        example: "$..mrn",
    },
    PathForm {
        form: "..['name'] ..[0]",
        meaning: "the same for a quoted name or an index",
        example: "$..['member id']..[0]",
    },
    PathForm {
        form: "..* ..[*]",
        meaning: "everything below",
        example: "$.contained..*",
    },
    PathForm {
        form: "[?test]",
        meaning: "of an array the elements, of an object the member values, for which the test holds",
        example: "$.telecom[?@.system == 'phone'].value",
    },
    PathForm {
        form: "..[?test]",
        meaning: "the same at any depth",
        example: "$..[?@.kind == 'ssn'].value",
    },
    PathForm {
        form: "@.a.b == 'text'",
        meaning: "below the element there is a string at that path, and it is this text exactly; the \
            text may stand first",
        example: "$..item[?'secret' == @.label.code].value",
    },
    PathForm {
        form: "@.a != 'text'",
        meaning: "`==` does not hold: it is another text, no string, or not there",
        example: "$..item[?@.visibility != \"public\"].value",
    },
    PathForm {
        form: "@['a b'] @.a[0]",
        meaning: "names in quotes and indices, as outside filters",
        example: "$..extension[?@['a b'][0].code == 'x'].value",
    },
    PathForm {
        form: "@.a[*].b @.a.*",
        meaning: "an extension of ours: `==` holds if it holds for any of them, `!=` if for none",
        example: "$..identifier[?@.type.coding[*].code == 'MR'].value",
    },
    PathForm {
        form: "@.a",
        meaning: "there is a value, be it null",
        example: "$..observation[?@.patient].note",
    },
    PathForm {
        form: "! && || ()",
        meaning: "not, and, or, as they bind in RFC 9535: `!` stands before `@.a` or parentheses",
        example: "$..x[?@.a == '1' && !(@.b == '2' || @.c)].value",
    },
    PathForm {
        form: "white space",
        meaning: "before a step, within brackets and in filters, as in RFC 9535",
        example: "$ .list [ ? @.a=='x'  ||\t! @.b ] ['c']",
    },
];

/// A path that is refused, and how.
struct Refusal {
    what: &'static str,
    example: &'static str,
    message: &'static str,
}

const REFUSED: &[Refusal] = &[
    Refusal {
        what: "no `$`",
        example: "a.b",
        message: "at character 1 of the path: a path begins with $, the body",
    },
    Refusal {
        what: "no dot",
        example: "$a",
        message: "at character 2 of the path: a step begins with . or .. or [",
    },
    Refusal {
        what: "white space at the end",
        example: "$.a ",
        message: "at character 4 of the path: a path does not end with white space",
    },
    Refusal {
        what: "other characters after a dot",
        example: "$.a. b",
        message: "at character 5 of the path: after a dot comes * or a name; write names with other \
            characters as ['…']",
    },
    Refusal {
        what: "a digit after a dot",
        example: "$.list.0",
        message: "at character 8 of the path: a name after a dot does not begin with a digit or -: \
            write ['…'], or [0] for an index",
    },
    Refusal {
        what: "a name without quotes",
        example: "$[name]",
        message: "at character 3 of the path: a name in brackets stands in quotes: ['…']",
    },
    Refusal {
        what: "empty brackets",
        example: "$[]",
        message: "at character 3 of the path: brackets hold a quoted name, *, an index such as 0, or \
            a filter [?…]",
    },
    Refusal {
        what: "an open bracket",
        example: "$['a'",
        message: "at character 6 of the path: a ] is missing here",
    },
    Refusal {
        what: "an open quote",
        example: "$['a]",
        message: "at character 3 of the path: the quote that opens here is not closed",
    },
    Refusal {
        what: "another escape",
        example: r#"$['\"']"#,
        message: "at character 4 of the path: escapes are \\b \\t \\n \\f \\r \\\\ \\/ \\uXXXX and the \
            quote around",
    },
    Refusal {
        what: "a short escape",
        example: r"$['\u12']",
        message: "at character 4 of the path: \\u has four hexadecimal digits",
    },
    Refusal {
        what: "half a pair",
        example: r"$['\ud83d']",
        message: "at character 4 of the path: half of a surrogate pair: \\uD800 to \\uDBFF, then \
            \\uDC00 to \\uDFFF",
    },
    Refusal {
        what: "a control character",
        example: "$['\t']",
        message: "at character 4 of the path: a control character is written as \\u and four \
            hexadecimal digits",
    },
    Refusal {
        what: "negative indices",
        example: "$.a[-1]",
        message: "at character 5 of the path: indices count from the start: 0 or more",
    },
    Refusal {
        what: "a leading zero",
        example: "$[01]",
        message: "at character 3 of the path: an index has no leading zero",
    },
    Refusal {
        what: "great indices",
        example: "$[4294967296]",
        message: "at character 3 of the path: an index is at most 4294967295",
    },
    Refusal {
        what: "slices",
        example: "$.a[0:2]",
        message: "at character 6 of the path: slices are not supported: write [*] or an index such as \
            [0]",
    },
    Refusal {
        what: "several selectors",
        example: "$['a','b']",
        message: "at character 6 of the path: brackets hold one selector: write a path for each of \
            several",
    },
    Refusal {
        what: "functions",
        example: "$.a[?length(@.b) == 'x']",
        message: "at character 6 of the path: functions are not supported: a filter compares with == \
            and != only",
    },
    Refusal {
        what: "two filters",
        example: "$.a[?@.b].c[?@.d]",
        message: "at character 13 of the path: a path has at most one filter",
    },
    Refusal {
        what: "a filter in a filter",
        example: "$.a[?@.b[?@.c]]",
        message: "at character 10 of the path: a filter holds no other filter",
    },
    Refusal {
        what: "the element itself",
        example: "$.a[?@ == 'x']",
        message: "at character 6 of the path: a filter looks at what its element holds: @.name",
    },
    Refusal {
        what: "other places",
        example: "$.a[?$.b == 'x']",
        message: "at character 6 of the path: a filter looks below its element only: @.name",
    },
    Refusal {
        what: "`..` in a filter",
        example: "$.a[?@..b == 'x']",
        message: "at character 7 of the path: a path in a filter has no .. step",
    },
    Refusal {
        what: "other comparisons",
        example: "$.a[?@.b < 'x']",
        message: "at character 10 of the path: a filter compares with == and != only",
    },
    Refusal {
        what: "numbers",
        example: "$.a[?@.b == 1]",
        message: "at character 13 of the path: a filter compares with a quoted text only, not with a \
            number",
    },
    Refusal {
        what: "other literals",
        example: "$.a[?@.b == null]",
        message: "at character 13 of the path: a filter compares with a quoted text only, not with \
            true, false or null",
    },
    Refusal {
        what: "two paths",
        example: "$.a[?@.b == @.c]",
        message: "at character 13 of the path: a filter compares with a quoted text only, not with \
            another path",
    },
    Refusal {
        what: "two texts",
        example: "$.a[?'b' == 'b']",
        message: "at character 13 of the path: one side of a comparison is a path such as @.name",
    },
    Refusal {
        what: "a text alone",
        example: "$.a[?'b']",
        message: "at character 9 of the path: after a text comes == or !=, and a path such as @.name",
    },
    Refusal {
        what: "no test",
        example: "$.a[?]",
        message: "at character 6 of the path: a filter is made of @.name == 'text', != and @.name, \
            with &&, ||, ! and ()",
    },
    Refusal {
        what: "a single `&` or `|`",
        example: "$.a[?@.b | @.c]",
        message: "at character 10 of the path: conditions are joined by && and ||",
    },
    Refusal {
        what: "`!` before a comparison",
        example: "$.a[?!@.b == 'x']",
        message: "at character 7 of the path: put parentheses round what ! denies, or write !=",
    },
    Refusal {
        what: "an open parenthesis",
        example: "$.a[?(@.b]",
        message: "at character 10 of the path: a ) is missing here",
    },
    Refusal {
        what: "more than 8 comparisons",
        example: "$[?@.a||@.b||@.c||@.d||@.e||@.f||@.g||@.h||@.i]",
        message: "at character 44 of the path: a filter makes at most 8 comparisons",
    },
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Pattern;
    use super::{PathForm, REFERENCE, REFUSED, Refusal};

    #[test]
    fn every_example_is_read() {
        for PathForm { form, example, .. } in REFERENCE {
            assert!(Pattern::parse(example).is_ok(), "{form}: {example}");
        }
    }

    #[test]
    fn every_refusal_is_as_told() {
        for Refusal {
            example, message, ..
        } in REFUSED
        {
            assert_eq!(Pattern::parse(example).unwrap_err(), *message, "{example}");
        }
    }

    /// Run with `VELUM_WRITE_DOCS=1` to write the section.
    #[test]
    fn the_document_says_what_the_tables_say() {
        const BEGIN: &str =
            "<!-- begin: paths, written by a test of engine/src/rules/selector -->\n";
        const END: &str = "<!-- end: paths -->\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/selecting.md");
        let document = std::fs::read_to_string(&file).unwrap();
        let (before, rest) = document.split_once(BEGIN).unwrap();
        let (section, after) = rest.split_once(END).unwrap();
        if std::env::var_os("VELUM_WRITE_DOCS").is_some() {
            let whole = format!("{before}{BEGIN}{}{END}{after}", tables());
            std::fs::write(&file, whole).unwrap();
        } else {
            assert_eq!(section, tables(), "write it with VELUM_WRITE_DOCS=1");
        }
    }

    fn tables() -> String {
        let mut text = String::from("\n| form | selects | example |\n| --- | --- | --- |\n");
        for PathForm {
            form,
            meaning,
            example,
        } in REFERENCE
        {
            text += &row(&[&code(form), meaning, &code(example)]);
        }
        text += "\nEverything else is refused when the policy loads:\n\n";
        text += "| what | such as | message |\n| --- | --- | --- |\n";
        for Refusal {
            what,
            example,
            message,
        } in REFUSED
        {
            text += &row(&[what, &code(example), message]);
        }
        text + "\n"
    }

    fn row(cells: &[&str]) -> String {
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| cell.replace('|', "\\|").replace('\t', "⇥"))
            .collect();
        format!("| {} |\n", cells.join(" | "))
    }

    fn code(text: &str) -> String {
        format!("`{text}`")
    }
}
