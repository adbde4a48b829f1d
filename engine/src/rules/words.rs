//! The words of a name.

use super::fold::fold;

/// The words of a name, folded.
pub(crate) fn words(name: &str) -> Vec<String> {
    let (mut text, mut cuts) = (Vec::new(), Vec::new());
    let end = fold(name, &mut text, &mut cuts);
    let ends = cuts.iter().skip(1).map(|cut| cut.at).chain([end.at]);
    let words = cuts.iter().map(|cut| cut.at).zip(ends);
    words
        .filter_map(|(start, end)| String::from_utf8(text.get(start..end)?.to_vec()).ok())
        .collect()
}
