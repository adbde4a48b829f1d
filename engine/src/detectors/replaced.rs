//! A text with placeholders for what was found in it, and the way back.

use super::Find;

/// Where the parts of a text with placeholders came from: (start there, length there, start here,
/// length here) of each placeholder.
pub(super) struct Origins(Vec<[usize; 4]>);

/// A text with every find replaced by its placeholder.
pub(super) fn replace(text: &str, finds: &[Find]) -> (String, Origins) {
    let mut out = Vec::with_capacity(text.len());
    let mut origins = Vec::with_capacity(finds.len());
    let mut copied = 0;
    for find in finds {
        out.extend_from_slice(
            text.as_bytes()
                .get(copied..find.range.start)
                .unwrap_or_default(),
        );
        let start = out.len();
        find.write(text.get(find.range.clone()).unwrap_or_default(), &mut out);
        origins.push([start, out.len() - start, find.range.start, find.range.len()]);
        copied = find.range.end;
    }
    out.extend_from_slice(text.as_bytes().get(copied..).unwrap_or_default());
    (String::from_utf8(out).unwrap_or_default(), Origins(origins))
}

impl Origins {
    /// A find in the replaced text as one in the original.
    pub(super) fn back(&self, find: &Find) -> Find {
        let (start, end) = (
            self.offset(find.range.start, false),
            self.offset(find.range.end, true),
        );
        Find {
            range: start..end,
            ..find.clone()
        }
    }

    fn offset(&self, there: usize, is_end: bool) -> usize {
        let after = self
            .0
            .partition_point(|origin| origin[0] < there || (!is_end && origin[0] == there));
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            None => there,
            Some([start, length, here, here_length]) if there < start + length => {
                if is_end {
                    here + here_length
                } else {
                    *here
                }
            }
            Some([start, length, here, here_length]) => {
                here + here_length + (there - (start + length))
            }
        }
    }
}
