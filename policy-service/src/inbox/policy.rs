//! `GET /policy`: what the filters do and who reviews what, in words. It is changed in files, not here.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use velum_approval::ActionName;
use velum_engine::{Class, ClassSet};
use velum_policy::{Action, Effect, Otherwise, Policy};

use super::moment::span;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::statement::{self, Statement};
use crate::http::App;

#[derive(Template)]
#[template(path = "policy.html")]
struct Page {
    shell: Shell,
    policies: Vec<Shown>,
}

/// A policy.
struct Shown {
    digest: String,
    observes: bool,
    actions: Vec<Line>,
    rules: Vec<String>,
}

/// An action, in the order in which they are asked.
struct Line {
    place: usize,
    name: String,
    effect: &'static str,
    says: Vec<String>,
    conditions: Vec<Statement>,
    /// Who reviews it; empty where nobody has to.
    review: String,
}

/// Shows every policy that this service has.
pub(super) async fn handle(State(app): State<App>, session: Session) -> Response {
    let policies = app.parts().policies.all();
    let page = Page {
        shell: Shell::new(&session, Here::Policy),
        policies: policies
            .map(|(digest, policy)| Shown {
                digest: digest.to_string(),
                observes: policy.mode() == velum_policy::Mode::Observe,
                actions: lines(policy, &app),
                rules: policy.rule_names().to_vec(),
            })
            .collect(),
    };
    shell::show(StatusCode::OK, &page)
}

fn lines(policy: &Policy, app: &App) -> Vec<Line> {
    let numbered = (1..).zip(policy.actions());
    numbered
        .map(|(place, action)| Line {
            place,
            name: action.name.clone(),
            effect: match action.effect {
                Effect::Pass => "passes",
                Effect::Mask => "masked",
                Effect::Review => "reviewed",
                Effect::Deny => "denied",
            },
            says: says(action),
            conditions: statement::of(action),
            review: if action.needs_service() {
                review(action, app)
            } else {
                String::new()
            },
        })
        .collect()
}

fn says(action: &Action) -> Vec<String> {
    let mut says = Vec::new();
    match action.effect {
        Effect::Pass => says.push("Neither request nor answer is looked at.".to_owned()),
        Effect::Mask => says.push("Answers are masked.".to_owned()),
        Effect::Deny => says.push("The request is refused.".to_owned()),
        Effect::Review => {
            let hold = span(action.hold);
            says.push(format!(
                "The request waits for a second person, {hold} at most."
            ));
            if !action.lift.is_empty() {
                says.push(format!("An approval unmasks {}.", words(action.lift)));
            }
            says.push(match action.otherwise {
                Otherwise::Refuse => "Without an approval it is refused.".to_owned(),
                Otherwise::Mask => "Without an approval it is answered, masked.".to_owned(),
            });
        }
    }
    if let Some(ask) = action.ask {
        says.push(format!("A caller may ask for {}.", words(ask.lift)));
    }
    if !action.flag_on().is_empty() {
        let flagged = words(action.flag_on());
        says.push(format!("A request whose body holds {flagged} waits."));
    }
    says
}

fn review(action: &Action, app: &App) -> String {
    let name = ActionName::new(action.name.as_str()).ok();
    let actions = &app.parts().actions;
    let rule = name.as_ref().and_then(|name| actions.rule(name));
    let terms = name.as_ref().and_then(|name| actions.terms(name));
    let (Some(rule), Some(terms)) = (rule, terms) else {
        return String::new();
    };
    let people = match rule.needed() {
        1 => "one person".to_owned(),
        needed => format!("{needed} different people"),
    };
    let groups: Vec<_> = rule.groups().iter().map(ToString::to_string).collect();
    let of = match groups.as_slice() {
        [] => String::new(),
        [group] => format!(", one of them of {group}"),
        groups => format!(", one each of {}", groups.join(", ")),
    };
    let of = if rule.needed() == 1 {
        of.replace(", one of them", "")
    } else {
        of
    };
    let uses = match terms.uses {
        1 => "one use".to_owned(),
        uses => format!("{uses} uses"),
    };
    format!("{people}{of}; {uses} within {}", span(terms.lifetime))
}

fn words(classes: ClassSet) -> String {
    let names: Vec<_> = classes.iter().map(Class::name).collect();
    names.join(", ")
}
