//! Which of the policies a request is under: its route says so, and nothing that a caller writes.

use std::borrow::Cow;
use std::rc::Rc;

use velum_policy::Policy;

use crate::host::Host;
use crate::plugin::Plugin;
use crate::problem::Problem;

/// Where an operator names the policy of a route: `metadata.filter_metadata.velum.policy`.
const NAME: &[&str] = &[
    "xds",
    "route_metadata",
    "filter_metadata",
    "velum",
    "policy",
];

/// The policies of a root context; none where no configuration was accepted yet.
#[derive(Clone, Default)]
pub(crate) struct Choice(Option<Rc<Plugins>>);

enum Plugins {
    /// One policy, for every request; routes are not asked.
    Sole(Rc<Plugin>),
    /// Several, by name.
    Named(Vec<(String, Rc<Plugin>)>),
}

impl Choice {
    /// The choice among these; one without a name is no choice.
    pub(crate) fn new(mut plugins: Vec<(Option<String>, Rc<Plugin>)>) -> Self {
        Self(Some(Rc::new(match plugins.pop() {
            Some((None, plugin)) => Plugins::Sole(plugin),
            last => {
                plugins.extend(last);
                let named = plugins.into_iter();
                let named = named.filter_map(|(name, plugin)| Some((name?, plugin)));
                Plugins::Named(named.collect())
            }
        })))
    }

    /// The one policy, where there is no choice.
    pub(crate) fn sole(&self) -> Option<Rc<Plugin>> {
        match self.0.as_deref()? {
            Plugins::Sole(plugin) => Some(Rc::clone(plugin)),
            Plugins::Named(_) => None,
        }
    }

    /// Whether the stream at hand still has this policy, and its route still this name. Envoy chooses
    /// its route again when headers change, the filter's own changes among them, and a module learns of
    /// it only when the answer comes.
    pub(crate) fn is_still(
        &self,
        host: &impl Host,
        plugin: &Rc<Plugin>,
        route: Option<&[u8]>,
    ) -> bool {
        self.make(host).is_ok_and(|now| Rc::ptr_eq(now, plugin))
            && self::route(host, &plugin.policy).as_deref() == route
    }

    /// The policy of the request at hand. A route that names none, or one that there is not, has
    /// its requests refused.
    pub(crate) fn make(&self, host: &impl Host) -> Result<&Rc<Plugin>, Problem> {
        match self.0.as_deref().ok_or(Problem::NotConfigured)? {
            Plugins::Sole(plugin) => Ok(plugin),
            Plugins::Named(plugins) => {
                let name = host.property(NAME).ok().flatten();
                let name = name.ok_or(Problem::PolicyNotChosen)?;
                let known = plugins.iter().find(|(known, _)| known.as_bytes() == name);
                let (_, plugin) = known.ok_or(Problem::PolicyNotChosen)?;
                Ok(plugin)
            }
        }
    }
}

/// The name of Envoy's route, where the policy looks at it: empty for a route without one, `None`
/// where it cannot be read.
pub(crate) fn route(host: &impl Host, policy: &Policy) -> Option<Cow<'static, [u8]>> {
    if !policy.reads_route() {
        return Some(Cow::Borrowed(b""));
    }
    let name = host.property(&["xds", "route_name"]).ok()?;
    Some(name.map_or(Cow::Borrowed(&b""[..]), Cow::Owned))
}
