//! Why an ask waits: the action of the policy that it matched, in the policy's own words.

use velum_approval::Approval;
use velum_engine::{Class, ClassSet};
use velum_policy::Effect;

use crate::config::Policies;
use crate::inbox::statement::{self, Statement};

/// The action that made it wait.
pub(super) struct Flagged {
    /// Which action of its policy: 1 is the first.
    pub(super) place: usize,
    pub(super) name: String,
    /// The first characters of the policy's digest.
    pub(super) policy: String,
    /// What the action says, in sentences.
    pub(super) why: Vec<String>,
    /// Its conditions; none: every request matches.
    pub(super) conditions: Vec<Statement>,
}

impl Flagged {
    /// `None` where this service does not have the policy any more.
    pub(super) fn of(approval: &Approval, policies: &Policies) -> Option<Flagged> {
        let (place, action) = policies.action(&approval.policy, &approval.action)?;
        let mut why = Vec::new();
        match (action.effect, action.ask) {
            (Effect::Review, _) => {
                why.push("Every request of this action waits for a second person.".to_owned());
                if !action.lift.is_empty() {
                    why.push(format!(
                        "An approval unmasks {} at most.",
                        words(action.lift)
                    ));
                }
            }
            (_, Some(ask)) => why.push(format!(
                "Answers are masked. A caller may ask for {}, and has asked for {}.",
                words(ask.lift),
                words(approval.classes)
            )),
            _ => {}
        }
        if approval.found.is_some() && !action.flag_on().is_empty() {
            why.push(format!(
                "A request whose body holds {} waits: this one does.",
                words(action.flag_on())
            ));
        }
        let policy = approval.policy.to_string();
        Some(Flagged {
            place,
            name: action.name.clone(),
            policy: policy.get(..12).unwrap_or(&policy).to_owned(),
            why,
            conditions: statement::of(action),
        })
    }
}

fn words(classes: ClassSet) -> String {
    let names: Vec<_> = classes.iter().map(Class::name).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}
