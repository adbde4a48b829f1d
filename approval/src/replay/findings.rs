//! Where findings are gathered.

use std::borrow::Cow;
use std::fmt;

use super::kind::Kind;
use crate::words::ApprovalId;

/// What was found in one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record's index; of what is missing, that of the record that it is missed from. Where several logs
    /// were read, or a later one, it is that among the records of all of them.
    pub index: u64,
    /// The approval that it is about, if any.
    pub approval: Option<ApprovalId>,
    /// What it is.
    pub kind: Kind,
    /// The same in a sentence, with what tells it from others.
    pub sentence: Cow<'static, str>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.index)?;
        if let Some(approval) = &self.approval {
            write!(f, ", approval {approval}")?;
        }
        write!(f, ": {}: {}", self.kind, self.sentence)
    }
}

/// The findings so far, and the record that is being looked at.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
    pub(super) omitted: u64,
    index: u64,
    approval: Option<ApprovalId>,
}

impl Findings {
    /// The most that are kept; more are only counted.
    pub(super) const MOST: usize = 10_000;

    /// The next record is looked at.
    pub(super) fn at(&mut self, index: u64) {
        self.index = index;
        self.approval = None;
    }

    pub(super) fn about(&mut self, approval: Option<&ApprovalId>) {
        self.approval = approval.cloned();
    }

    pub(super) fn add(&mut self, kind: Kind, sentence: impl Into<Cow<'static, str>>) {
        let (index, approval) = (self.index, self.approval.clone());
        self.add_at(index, approval, kind, sentence.into());
    }

    /// Adds it unless it is so.
    pub(super) fn require(
        &mut self,
        is_so: bool,
        kind: Kind,
        sentence: impl Into<Cow<'static, str>>,
    ) {
        if !is_so {
            self.add(kind, sentence);
        }
    }

    pub(super) fn add_at(
        &mut self,
        index: u64,
        approval: Option<ApprovalId>,
        kind: Kind,
        sentence: Cow<'static, str>,
    ) {
        if self.list.len() >= Self::MOST {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        self.list.push(Finding {
            index,
            approval,
            kind,
            sentence,
        });
    }
}
