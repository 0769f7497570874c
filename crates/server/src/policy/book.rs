//! All policies of a server, and what they decide.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{Authorizer, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint};

use super::cache::Decisions;
use super::check::{PolicyError, statements};
use super::entity::{Question, cedar_question, principal_uid};

/// What the policies decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A policy permits it, and none forbids it.
    Allowed,
    /// A policy forbids it.
    Forbidden,
    /// No policy permits it.
    NotAllowed,
}

impl Decision {
    /// Whether it may be done.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }
}

/// A decision, and what made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The decision.
    pub decision: Decision,
    /// The statements that made it: those that permit or those that forbid. None permits where nothing is allowed.
    pub statements: Vec<String>,
    /// Policies that failed while they were asked, or cannot be read at all.
    pub failures: Vec<String>,
}

/// The policies as they were at one revision. Decisions are remembered with it, so a change forgets them all.
#[derive(Debug)]
pub struct PolicyBook {
    /// What is asked for everybody, …
    general: Vec<Policy>,
    /// … and what is asked for one principal alone.
    by_principal: HashMap<EntityUid, Vec<Policy>>,
    /// Texts that cannot be read. One is enough to deny everything.
    unreadable: Vec<PolicyError>,
    reads_tags: bool,
    slices: RwLock<HashMap<String, Arc<PolicySet>>>,
    decisions: Decisions,
    authorizer: Authorizer,
}

/// Most principals whose own set of policies is kept put together.
const MAX_SLICES: usize = 4096;

impl PolicyBook {
    /// The policies of these names and texts.
    pub fn new<'a>(policies: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut general, mut by_principal, mut unreadable) = (Vec::new(), HashMap::<_, Vec<_>>::new(), Vec::new());
        let mut reads_tags = false;
        for (name, text) in policies {
            let read = match statements(name, text) {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(%error, "a stored policy cannot be read: everything is denied");
                    unreadable.push(error);
                    continue;
                }
            };
            for statement in read {
                reads_tags |= mentions_tags(&statement);
                match statement.principal_constraint() {
                    PrincipalConstraint::Eq(principal) => by_principal.entry(principal).or_default().push(statement),
                    _ => general.push(statement),
                }
            }
        }
        Self {
            general,
            by_principal,
            unreadable,
            reads_tags,
            slices: RwLock::default(),
            decisions: Decisions::new(),
            authorizer: Authorizer::new(),
        }
    }

    /// Whether a policy looks at the tags of parameters. Where none does, questions need not give them.
    pub fn reads_tags(&self) -> bool {
        self.reads_tags
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.general.is_empty() && self.by_principal.is_empty()
    }

    /// Decides.
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        if let Some(decision) = self.decisions.get(question) {
            return decision;
        }
        let decision = self.explain(question).decision;
        self.decisions.remember(question, decision);
        decision
    }

    /// Decides, and says what made the decision.
    pub fn explain(&self, question: &Question<'_>) -> Reason {
        let unreadable: Vec<String> = self.unreadable.iter().map(ToString::to_string).collect();
        if !unreadable.is_empty() {
            return Reason { decision: Decision::NotAllowed, statements: Vec::new(), failures: unreadable };
        }
        let Some((request, entities)) = cedar_question(question) else {
            return Reason { decision: Decision::NotAllowed, statements: Vec::new(), failures: Vec::new() };
        };
        let policies = self.slice(question.principal);
        let response = self.authorizer.is_authorized(&request, &policies, &entities);
        let forbids = |id: &PolicyId| policies.policy(id).is_none_or(|policy| policy.effect() == Effect::Forbid);
        let mut statements: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        let mut failed_forbids = Vec::new();
        let mut failures = Vec::new();
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            failures.push(error.to_string());
            if forbids(error.policy_id()) {
                failed_forbids.push(error.policy_id().to_string());
            }
        }
        let is_forbidden = response.diagnostics().reason().any(forbids);
        let decision = match response.decision() {
            cedar_policy::Decision::Allow if failed_forbids.is_empty() => Decision::Allowed,
            cedar_policy::Decision::Allow => {
                statements = failed_forbids;
                Decision::Forbidden
            }
            cedar_policy::Decision::Deny if is_forbidden => Decision::Forbidden,
            cedar_policy::Decision::Deny => Decision::NotAllowed,
        };
        statements.sort();
        Reason { decision, statements, failures }
    }

    /// What is asked for one principal.
    fn slice(&self, arn: &str) -> Arc<PolicySet> {
        if let Some(slice) = self.slices.read().unwrap_or_else(PoisonError::into_inner).get(arn) {
            return Arc::clone(slice);
        }
        let own = self.by_principal.get(&principal_uid(arn));
        let mut set = PolicySet::new();
        for policy in self.general.iter().chain(own.into_iter().flatten()) {
            set.add(policy.clone()).expect("names of policies are unique, and so are numbers in one");
        }
        let set = Arc::new(set);
        let mut slices = self.slices.write().unwrap_or_else(PoisonError::into_inner);
        if slices.len() >= MAX_SLICES {
            slices.clear();
        }
        slices.insert(arn.to_owned(), Arc::clone(&set));
        set
    }
}

/// Whether a statement asks for a tag. It is better to be told of a tag that is not needed than to miss one.
fn mentions_tags(statement: &Policy) -> bool {
    statement.to_json().map_or(true, |json| json.to_string().contains("Tag\""))
}
