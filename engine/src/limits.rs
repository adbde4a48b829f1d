//! The limits of a body: one table, from which configuration, errors and documentation are made.

/// Bounds on what a body may hold and on what is kept in memory for it.
///
/// ```
/// use velum_engine::Limits;
/// let mut limits = Limits::default();
/// for doc in Limits::REFERENCE {
///     assert_eq!(*doc.of(&mut limits), doc.default);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many arrays and objects may be open at once. Deeper: [`ErrorKind::Depth`].
    ///
    /// [`ErrorKind::Depth`]: crate::ErrorKind::Depth
    pub depth: usize,
    /// The longest token that is looked at whole, in bytes of the body, quotes included. A longer
    /// string that a rule or detector would have to see is masked whole; a longer member name or
    /// number, or more white space behind a comma, ends the body with [`ErrorKind::Token`].
    ///
    /// With [`Framing::Events`], also the longest line that is no data, and how much of such lines
    /// may wait for the end of an event's data; beyond: [`ErrorKind::Token`].
    ///
    /// [`ErrorKind::Token`]: crate::ErrorKind::Token
    /// [`Framing::Events`]: crate::Framing::Events
    pub token_bytes: usize,
    /// How much output may wait for a sibling that decides the class of a value, in bytes. What
    /// waits longer is masked as [`Class::Identifier`](crate::Class::Identifier), never lifted.
    pub held_bytes: usize,
    /// How many members an object, or elements an array, may have. More: [`ErrorKind::Members`].
    ///
    /// [`ErrorKind::Members`]: crate::ErrorKind::Members
    pub members: usize,
    /// How many member names one JSON text may have, wherever they are and whether or not they
    /// repeat. More: [`ErrorKind::Keys`].
    ///
    /// [`ErrorKind::Keys`]: crate::ErrorKind::Keys
    pub keys: usize,
}

/// One line of the reference of limits.
#[derive(Clone, Copy, Debug)]
pub struct LimitDoc {
    /// The field of [`Limits`], which is also its name in a policy.
    pub name: &'static str,
    /// What it bounds.
    pub bounds: &'static str,
    /// What it is where nothing is said.
    pub default: usize,
    /// The lowest value that a policy may give it.
    pub lowest: usize,
    /// The highest one.
    pub highest: usize,
    /// What happens beyond it.
    pub beyond: &'static str,
    field: fn(&mut Limits) -> &mut usize,
}

impl LimitDoc {
    /// The limit itself.
    pub fn of<'a>(&self, limits: &'a mut Limits) -> &'a mut usize {
        (self.field)(limits)
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// What 32 bits hold: the filter's numbers.
const MOST: usize = u32::MAX as usize;

impl Limits {
    /// Every limit.
    pub const REFERENCE: &[LimitDoc] = &[
        LimitDoc {
            name: "depth",
            bounds: "arrays and objects that are open at once",
            default: 128,
            lowest: 8,
            highest: KIB,
            beyond: "the body is refused, at the bracket that is too deep",
            field: |limits| &mut limits.depth,
        },
        LimitDoc {
            name: "token_bytes",
            bounds: "bytes of one string, member name, number, or comma with the white space \
                behind it; of a line of an event stream that is no data, and of all such lines \
                that wait for the end of an event's data",
            default: 64 * KIB,
            lowest: KIB,
            highest: 16 * MIB,
            beyond: "a string that a rule or detector would have to see is masked whole; anything \
                else refuses the body, at the first byte of what is too long",
            field: |limits| &mut limits.token_bytes,
        },
        LimitDoc {
            name: "held_bytes",
            bounds: "bytes that wait for a sibling or label which says what a value is",
            default: 64 * KIB,
            lowest: KIB,
            highest: 16 * MIB,
            beyond: "what waits is masked as `identifier`, and is never lifted",
            field: |limits| &mut limits.held_bytes,
        },
        LimitDoc {
            name: "members",
            bounds: "members of one object, or elements of one array",
            default: 10_000_000,
            lowest: KIB,
            highest: MOST,
            beyond: "the body is refused, at the first byte of the member or element",
            field: |limits| &mut limits.members,
        },
        LimitDoc {
            name: "keys",
            bounds: "member names in one JSON text (in one line, or in the data of one event), \
                repeated ones included",
            default: 100_000_000,
            lowest: KIB,
            highest: MOST,
            beyond: "the body is refused, at the first byte of the name",
            field: |limits| &mut limits.keys,
        },
    ];
}

impl Default for Limits {
    fn default() -> Self {
        let mut limits = Self {
            depth: 0,
            token_bytes: 0,
            held_bytes: 0,
            members: 0,
            keys: 0,
        };
        for doc in Self::REFERENCE {
            *doc.of(&mut limits) = doc.default;
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_line_of_its_own() {
        let Limits {
            depth,
            token_bytes,
            held_bytes,
            members,
            keys,
        } = Limits::default();
        let defaults = [depth, token_bytes, held_bytes, members, keys];
        assert!(Limits::REFERENCE.iter().map(|doc| doc.default).eq(defaults));
        for doc in Limits::REFERENCE {
            assert!(
                (doc.lowest..=doc.highest).contains(&doc.default),
                "{}",
                doc.name
            );
            let mut limits = Limits::default();
            *doc.of(&mut limits) += 1;
            assert!(format!("{limits:?}").contains(&format!("{}: {}", doc.name, doc.default + 1)));
        }
    }
}
