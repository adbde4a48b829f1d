//! The story of a receipt in sentences.

use velum_approval::{Found, Identity, State};
use velum_engine::{Class, ClassSet};

use super::{Receipt, Release, Report};

impl Receipt {
    /// What was asked by whom; who decided; what left when.
    pub(super) fn summarise(&self) -> String {
        let mut sentences = vec![self.of_ask(), self.of_decision()];
        sentences.extend(self.releases.iter().map(of_release));
        sentences.join(" ")
    }

    fn of_ask(&self) -> String {
        let asked = &self.asked;
        let others = asked.on_behalf_of.iter().map(Identity::subject);
        let others: Vec<_> = others.collect();
        let behalf = if others.is_empty() {
            String::new()
        } else {
            format!(" for {}", others.join(", "))
        };
        format!(
            "{} asked by {}{behalf} at {} for {} {}.",
            of_classes(asked.classes),
            asked.by.subject(),
            asked.at,
            asked.method,
            asked.path,
        )
    }

    fn of_decision(&self) -> String {
        if let Some(emergency) = &self.emergency {
            return format!("Released without a review, under the emergency access {emergency}.");
        }
        let of = |verdict: &str| {
            let votes = self.votes.iter();
            let votes = votes.filter(|vote| vote.counts && vote.verdict == verdict);
            let people: Vec<_> = votes.map(|vote| vote.person.as_str()).collect();
            people.join(" and ")
        };
        let (approved, denied) = (of("approve"), of("deny"));
        match (&self.granted, self.state) {
            (Some(granted), state) => {
                let revoked = if state == State::Revoked {
                    " It was revoked."
                } else {
                    ""
                };
                let what = of_classes(granted.classes);
                format!("{what} approved by {approved}.{revoked}")
            }
            (None, State::Denied) if denied.is_empty() => {
                format!("Denied: what {approved} approved has nothing in common.")
            }
            (None, State::Denied) => format!("Denied by {denied}."),
            (None, State::Collecting | State::Pending) => "Not decided yet.".to_owned(),
            (None, state) => format!("It ended undecided: {}.", state.name()),
        }
    }
}

fn of_release(release: &Release) -> String {
    let begin = format!(
        "Released at {} through {}",
        release.at,
        release.gateway.as_str()
    );
    match (&release.outcome, release.reported) {
        (Some(outcome), _) => format!(
            "{begin}: {} in {} records and {} bytes, {}.",
            of_counts(&outcome.lifted),
            outcome.records,
            outcome.bytes,
            outcome.end.name()
        ),
        (None, Report::Missing) => format!("{begin}: what left was not reported."),
        (None, _) => format!("{begin}: what left is not reported yet."),
    }
}

fn of_classes(classes: ClassSet) -> String {
    let names: Vec<_> = classes.iter().map(Class::name).collect();
    if names.is_empty() {
        "The masked answer".to_owned()
    } else {
        names.join(", ")
    }
}

fn of_counts(counts: &Found) -> String {
    let each = counts.counts();
    let each: Vec<_> = each
        .map(|(class, count)| format!("{count} of {}", class.name()))
        .collect();
    if each.is_empty() {
        "nothing lifted".to_owned()
    } else {
        each.join(", ")
    }
}
