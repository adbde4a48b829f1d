//! What the labels of open elements have told, and decisions that hang on them.
//!
//! A filter selects values by what stands beside them or beside what is around them: labels. Each
//! array or object that filters look at has a scope while it is open: one cell for each slot that
//! they ask about. A value that a filter may select gets a decision that is a node: the place, what
//! is said about it, and the decision around it, which may be a node as well. A node can be judged
//! as soon as what is told decides it, and once all the scopes it hangs on have ended.
//!
//! Scopes and nodes lie on stacks, and go when the array or object ends within which they were made
//! and nothing waits any more. While values wait, they stay; once those are let go, what belongs to
//! nothing that is open is taken out from between the rest, which moves together. So what is there,
//! and what it weighs, follows from the document alone and not from how it was cut.

use crate::decide::{Decision, Member, decide_below};
use crate::rules::{Filtered, KeyRules, Place, Ruleset, Slot, StateId, Telling, Told};

/// A decision on the stack of nodes.
pub(crate) type NodeId = u32;

/// A scope on the stack of scopes.
pub(crate) type ScopeId = u32;

/// An array or object that filters look at.
#[derive(Clone, Copy)]
struct Scope {
    state: StateId,
    /// The number of open arrays and objects around it.
    depth: u32,
    /// The next scope around it.
    outer: Option<ScopeId>,
    /// Where its cells begin.
    cells: u32,
    has_ended: bool,
}

/// A decision that hangs on labels.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) state: StateId,
    pub(crate) key: KeyRules,
    pub(crate) around: Decision,
    /// The number of open arrays and objects around the value.
    pub(crate) depth: usize,
    /// The innermost scope: its own, if it has one.
    pub(crate) scope: Option<ScopeId>,
    pub(crate) is_container: bool,
}

/// How much there was of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    scopes: u32,
    nodes: u32,
    cells: u32,
}

/// The stacks.
#[derive(Default)]
pub(crate) struct Labels {
    scopes: Vec<Scope>,
    cells: Vec<Told>,
    nodes: Vec<Node>,
}

impl Labels {
    /// How much there is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            scopes: count(&self.scopes),
            nodes: count(&self.nodes),
            cells: count(&self.cells),
        }
    }

    /// Whether there is anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.nodes.is_empty()
    }

    /// Forgets a node, and those that came behind it.
    pub(crate) fn back_before(&mut self, node: NodeId) {
        self.nodes.truncate(node as usize);
    }

    /// Forgets what has come since.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.scopes.truncate(mark.scopes as usize);
        self.nodes.truncate(mark.nodes as usize);
        self.cells.truncate(mark.cells as usize);
    }

    /// Keeps a scope while the rest moves together: behind what has been kept so far.
    pub(crate) fn keep_scope(
        &mut self,
        rules: &Ruleset,
        kept: &mut Mark,
        scope: ScopeId,
        outer: Option<ScopeId>,
    ) -> Option<ScopeId> {
        let mut moved = *self.scopes.get(scope as usize)?;
        let from = moved.cells as usize;
        let cells = from..from + rules.automaton.place(moved.state).slots.len();
        let (id, at) = (kept.scopes, kept.cells as usize);
        kept.scopes += 1;
        kept.cells += u32::try_from(cells.len()).unwrap_or(u32::MAX);
        self.cells.copy_within(cells, at);
        moved.outer = outer;
        moved.cells = u32::try_from(at).unwrap_or(u32::MAX);
        *self.scopes.get_mut(id as usize)? = moved;
        Some(id)
    }

    /// Keeps a node in the same way.
    pub(crate) fn keep_node(
        &mut self,
        kept: &mut Mark,
        node: NodeId,
        around: Decision,
        scope: Option<ScopeId>,
    ) -> Option<NodeId> {
        let mut moved = *self.nodes.get(node as usize)?;
        let id = kept.nodes;
        kept.nodes += 1;
        (moved.around, moved.scope) = (around, scope);
        *self.nodes.get_mut(id as usize)? = moved;
        Some(id)
    }

    /// About the memory that all of it takes, in bytes; the same on every target.
    pub(crate) fn weight(&self) -> usize {
        self.scopes.len() * 24 + self.nodes.len() * 48 + self.cells.len() * 8
    }

    /// The scope of what an array or object holds: its own, if filters look at it.
    pub(crate) fn open(
        &mut self,
        place: &Place,
        state: StateId,
        depth: usize,
        outer: Option<ScopeId>,
    ) -> Option<ScopeId> {
        if place.slots.is_empty() {
            return outer;
        }
        let id = count(&self.scopes);
        self.scopes.push(Scope {
            state,
            depth: u32::try_from(depth).unwrap_or(u32::MAX),
            outer,
            cells: count(&self.cells),
            has_ended: false,
        });
        let cells = self.cells.len() + place.slots.len();
        self.cells.resize(cells, Told::Nothing);
        Some(id)
    }

    /// What filters look at has ended.
    pub(crate) fn close(&mut self, scope: ScopeId) {
        if let Some(scope) = self.scopes.get_mut(scope as usize) {
            scope.has_ended = true;
        }
    }

    /// Takes down what a place tells. `depth` arrays and objects are open around it.
    pub(crate) fn tell(
        &mut self,
        rules: &Ruleset,
        innermost: Option<ScopeId>,
        depth: usize,
        telling: Telling,
        told: Told,
    ) {
        let Some(depth) = depth.checked_sub(usize::from(telling.levels)) else {
            return;
        };
        let Some(scope) = self.at_depth(innermost, depth) else {
            return;
        };
        let cell = cell(rules, &scope, telling.slot);
        if let Some(cell) = cell.and_then(|cell| self.cells.get_mut(cell)) {
            *cell = rules.filters.add_told(telling.slot, *cell, told);
        }
    }

    /// A decision that hangs on labels.
    pub(crate) fn defer(&mut self, node: Node) -> Decision {
        self.nodes.push(node);
        Decision::Deferred(count(&self.nodes) - 1)
    }

    /// A decision as far as it is known; with the sibling rule that has the last word on a scalar.
    pub(crate) fn judge(&self, rules: &Ruleset, decision: Decision) -> Option<Member> {
        let Decision::Deferred(id) = decision else {
            return Some(Member {
                decision,
                ..Member::default()
            });
        };
        let Some(node) = self.nodes.get(id as usize) else {
            return Some(Member {
                decision: crate::decide::UNRESOLVED,
                ..Member::default()
            });
        };
        let place = rules.automaton.place(node.state);
        let selected = |rule| Member {
            decision: Decision::Rule(rule),
            ..Member::default()
        };
        for filtered in &place.filtered {
            if self.holds(rules, node, *filtered)? {
                return Some(selected(filtered.rule));
            }
        }
        if let Some(rule) = place.rule {
            return Some(selected(rule));
        }
        let around = self.judge(rules, node.around)?.decision;
        let member = decide_below(rules, around, node.state, place, node.key);
        Some(if node.is_container {
            member.contains(rules, around)
        } else {
            member
        })
    }

    /// How many arrays and objects are open within the outermost element that a decision hangs on,
    /// that element included; none if it hangs on nothing that is still open.
    pub(crate) fn hangs_on(&self, rules: &Ruleset, decision: Decision) -> Option<usize> {
        let Decision::Deferred(id) = decision else {
            return None;
        };
        let node = self.nodes.get(id as usize)?;
        let place = rules.automaton.place(node.state);
        let depths = place.filtered.iter().filter_map(|filtered| {
            let scopes = self.scopes_of(rules, node, *filtered);
            let open = scopes.filter(|scope| !scope.has_ended);
            open.map(|scope| scope.depth as usize + 1).min()
        });
        let around = match place.rule {
            Some(_) => None,
            None => self.hangs_on(rules, node.around),
        };
        depths.chain(around).min()
    }

    fn holds(&self, rules: &Ruleset, node: &Node, filtered: Filtered) -> Option<bool> {
        let mut is_any = false;
        let mut answer = Some(false);
        for scope in self.scopes_of(rules, node, filtered) {
            is_any = true;
            let told = |slot: Slot| {
                let cell = cell(rules, &scope, slot);
                let told = cell.and_then(|cell| self.cells.get(cell)).copied();
                // Cannot be: the place of the element has the slots of its filters.
                told.unwrap_or(Told::Unclear)
            };
            match rules.filters.holds(filtered.filter, scope.has_ended, told) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => answer = None,
            }
        }
        if is_any {
            return answer;
        }
        // The element is a scalar: nothing is below it.
        rules
            .filters
            .holds(filtered.filter, true, |_| Told::Nothing)
    }

    /// The elements that a filter looks at for a value, from the inside out.
    fn scopes_of<'a>(
        &'a self,
        rules: &'a Ruleset,
        node: &Node,
        filtered: Filtered,
    ) -> impl Iterator<Item = Scope> + 'a {
        let least = node.depth.checked_sub(usize::from(filtered.levels));
        let outwards =
            std::iter::successors(self.scope(node.scope), |scope| self.scope(scope.outer));
        outwards.filter(move |scope| {
            let depth = scope.depth as usize;
            let elements = &rules.automaton.place(scope.state).elements;
            least.is_some_and(|least| {
                if filtered.is_exact {
                    depth == least
                } else {
                    depth <= least && elements.contains(&filtered.filter)
                }
            })
        })
    }

    fn at_depth(&self, innermost: Option<ScopeId>, depth: usize) -> Option<Scope> {
        std::iter::successors(self.scope(innermost), |scope| self.scope(scope.outer))
            .find(|scope| scope.depth as usize <= depth)
            .filter(|scope| scope.depth as usize == depth)
    }

    fn scope(&self, id: Option<ScopeId>) -> Option<Scope> {
        self.scopes.get(id? as usize).copied()
    }
}

/// Where a scope has the cell of a slot.
fn cell(rules: &Ruleset, scope: &Scope, slot: Slot) -> Option<usize> {
    let slots = &rules.automaton.place(scope.state).slots;
    let at = slots.binary_search(&slot).ok()?;
    Some(scope.cells as usize + at)
}

/// Bounded by the bytes that may wait, far below `u32::MAX`.
fn count<T>(stack: &[T]) -> u32 {
    u32::try_from(stack.len()).unwrap_or(u32::MAX)
}
