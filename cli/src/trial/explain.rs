//! `velum policy explain`: which action a request meets, and why.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_approval::{RouteTemplate, RouteWords};
use velum_engine::{Class, ClassSet};
use velum_filter::simulate::{Caller, Exchange, Gateway, Message};
use velum_policy::{
    Effect, ExplainedAction, ExplainedCondition, Explanation, Policy, Request, Spelling,
};

use super::Trial;
use crate::arguments::ExplainOptions;
use crate::failure::Failure;
use crate::show::plain;

/// Explains one request.
pub(crate) fn run(options: &ExplainOptions) -> Result<ExitCode, Failure> {
    let trial = Trial::new(&options.asked)?;
    let exchange = trial.exchange(&options.asked);
    let Some(policy) = trial.gateway.policy(&exchange) else {
        return Err(Failure::new(NOT_CHOSEN));
    };
    let caller = trial.gateway.caller(&exchange, &trial.request);
    let output = &mut io::stdout().lock();
    with_explanation(&exchange, &trial.request, caller.as_ref(), policy, |it| {
        if options.json {
            writeln!(output, "{}", to_json(it, policy, caller.as_ref()))?;
        } else {
            print(it, policy, caller.as_ref(), output)?;
        }
        output.flush()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Said where no policy is chosen.
pub(super) const NOT_CHOSEN: &str = "the document holds several policies, and the request is under \
                                     none of them: name one of them with --route-policy";

/// What became of the action, in one word or two: the action's name, or why there is none.
pub(super) struct Decided {
    /// The action; none where the request is refused, or matches none.
    pub(super) action: Option<String>,
    /// The effect; none where the request is refused.
    pub(super) effect: Option<&'static str>,
    /// Why the request is refused before any action.
    pub(super) refused: Option<&'static str>,
}

/// Which action a request meets; `None` where no policy is chosen.
pub(super) fn decide(
    gateway: &Gateway,
    exchange: &Exchange<'_>,
    request: &Message,
) -> Option<Decided> {
    let policy = gateway.policy(exchange)?;
    let caller = gateway.caller(exchange, request);
    Some(with_explanation(
        exchange,
        request,
        caller.as_ref(),
        policy,
        decided,
    ))
}

fn decided(explanation: &Explanation<'_>) -> Decided {
    match &explanation.verdict {
        Ok(verdict) => Decided {
            action: verdict.action.map(|action| action.name.clone()),
            effect: Some(effect(verdict.effect())),
            refused: None,
        },
        Err(refusal) => Decided {
            action: None,
            effect: None,
            refused: Some(refusal.code()),
        },
    }
}

fn with_explanation<T>(
    exchange: &Exchange<'_>,
    request: &Message,
    caller: Option<&Caller>,
    policy: &Policy,
    tell: impl FnOnce(&Explanation<'_>) -> T,
) -> T {
    let facts = caller.map(|caller| velum_policy::Caller {
        kind: caller.kind,
        issuer: &caller.issuer,
        subject: &caller.subject,
        claims: caller.claims.as_ref(),
    });
    let headers = request.headers.iter();
    let fields: Vec<(&[u8], &[u8])> = headers
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
        .collect();
    let pseudo = |name: &str| {
        let mut fields = fields.iter();
        let found = fields.find(|(known, _)| *known == name.as_bytes());
        found.map(|(_, value)| *value).unwrap_or_default()
    };
    tell(&policy.explain(&Request {
        method: pseudo(":method"),
        authority: pseudo(":authority"),
        path: pseudo(":path"),
        headers: &fields,
        route: Some(exchange.route.unwrap_or_default().as_bytes()),
        caller: facts.as_ref(),
    }))
}

fn print(
    explanation: &Explanation<'_>,
    policy: &Policy,
    caller: Option<&Caller>,
    output: &mut impl Write,
) -> io::Result<()> {
    let decided = decided(explanation);
    writeln!(output, "{}", sentence(&decided))?;
    writeln!(output, "identity: {}", identity(caller))?;
    if let Ok(verdict) = &explanation.verdict {
        writeln!(output, "may be asked: {}", classes(verdict.askable()))?;
    }
    let path = &explanation.path;
    writeln!(
        output,
        "canonical path: {} ({})",
        plain(path.as_str()),
        spelling(path.spelling())
    )?;
    writeln!(output, "shown to reviewers: {}", shown(explanation, policy))?;
    let mut is_decided = false;
    for it in &explanation.actions {
        let label = if is_decided {
            "not asked".to_owned()
        } else {
            it.answer.name().to_owned()
        };
        let action = &it.action;
        writeln!(
            output,
            "\n{} ({}): {label}",
            action.name,
            effect(action.effect)
        )?;
        match &it.condition {
            Some(condition) => print_condition(condition, 1, output)?,
            None => writeln!(output, "  takes every request")?,
        }
        is_decided |= decided.action.as_deref() == Some(action.name.as_str());
    }
    Ok(())
}

fn print_condition(
    condition: &ExplainedCondition,
    depth: usize,
    output: &mut impl Write,
) -> io::Result<()> {
    let text = plain(&condition.text);
    writeln!(
        output,
        "{:indent$}{:<7} {text}",
        "",
        condition.answer.name(),
        indent = 2 * depth
    )?;
    for part in &condition.parts {
        print_condition(part, depth + 1, output)?;
    }
    Ok(())
}

/// What was decided.
pub(super) fn sentence(decided: &Decided) -> String {
    match (&decided.action, decided.effect, decided.refused) {
        (_, _, Some(code)) => format!("refused: {code}"),
        (Some(action), Some(effect), _) => format!("action: {action} ({effect})"),
        (_, effect, _) => format!("action: none ({})", effect.unwrap_or("mask")),
    }
}

/// Who asks.
pub(super) fn identity(caller: Option<&Caller>) -> String {
    let Some(caller) = caller else {
        return "none".to_owned();
    };
    let mut text = format!(
        "{} ({}, {})",
        plain(&caller.subject),
        caller.kind,
        plain(&caller.issuer)
    );
    let behind: Vec<String> = caller.lineage.iter().skip(1).map(|it| plain(it)).collect();
    if !behind.is_empty() {
        text.push_str("; behind it: ");
        text.push_str(&behind.join(", "));
    }
    text
}

fn shown(explanation: &Explanation<'_>, policy: &Policy) -> String {
    let words = RouteWords::new(policy.literal_segments(), policy.query_names());
    let path = &explanation.path;
    let route = RouteTemplate::of(path.as_str(), path.parameter_names(), &words);
    let mut text = route.path().to_owned();
    if !route.query().is_empty() {
        text.push('?');
        text.push_str(route.query());
    }
    plain(&text)
}

fn classes(classes: ClassSet) -> String {
    if classes.is_empty() {
        "nothing".to_owned()
    } else {
        classes.to_string()
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Pass => "pass",
        Effect::Mask => "mask",
        Effect::Review => "review",
        Effect::Deny => "deny",
    }
}

fn spelling(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Plain => "plain",
        Spelling::Respelled => "spelled in another way",
        Spelling::Ambiguous => "upstreams may read it in different ways",
    }
}

fn to_json(explanation: &Explanation<'_>, policy: &Policy, caller: Option<&Caller>) -> Value {
    let decided = decided(explanation);
    let askable = explanation.verdict.as_ref().ok().map(|verdict| {
        let classes: Vec<&str> = verdict.askable().iter().map(Class::name).collect();
        classes
    });
    json!({
        "action": decided.action,
        "effect": decided.effect,
        "refused": decided.refused,
        "identity": caller.map(|caller| json!({
            "kind": caller.kind, "issuer": caller.issuer, "subject": caller.subject,
            "lineage": caller.lineage,
        })),
        "may_be_asked": askable,
        "path": explanation.path.as_str(),
        "spelling": spelling(explanation.path.spelling()),
        "shown": shown(explanation, policy),
        "actions": explanation.actions.iter().map(action_json).collect::<Vec<_>>(),
    })
}

fn action_json(it: &ExplainedAction<'_>) -> Value {
    json!({
        "name": it.action.name,
        "effect": effect(it.action.effect),
        "answer": it.answer.name(),
        "condition": it.condition.as_ref().map(condition_json),
    })
}

fn condition_json(it: &ExplainedCondition) -> Value {
    let mut value = json!({"text": it.text, "answer": it.answer.name()});
    if !it.parts.is_empty() {
        value["parts"] = it.parts.iter().map(condition_json).collect();
    }
    value
}
