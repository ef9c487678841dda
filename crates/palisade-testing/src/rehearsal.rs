//! [`Rehearsal`].

use std::{sync::Arc, time::Duration};

use palisade_aws::{Aws, AwsProvider, Backend, Supplier, operations::Operation};
use palisade_core::{
    Graph, JsonMap, Stack,
    provider::{Object, Observation, Provider, ProviderError, Turn, Unlimited},
};
use palisade_emulator::Emulator;
use palisade_engine::{
    ApplyOptions, Consent, ConsentStatus, Loss, MemoryStore, Plan, PlanError, PlanOptions, Report, State, Store,
};
use secrecy::SecretString;

use crate::Rules;

/// The life of a stack in an account that exists for one test: apply it, change it, destroy it, and look at what the
/// account holds in between.
///
/// The account is an emulated one, unless [`Rehearsal::in_real_time`] leads to another. Time is virtual there: an apply that
/// would take AWS a quarter of an hour takes milliseconds.
///
/// It consents to every loss of data; [`Rehearsal::losses`] reports them.
///
/// A stack that breaks a rule of safety or one of its own policies is not rehearsed, unless it is [`without_rules`].
///
/// [`without_rules`]: Rehearsal::without_rules
pub struct Rehearsal<B = Emulator> {
    rules: Rules,
    runtime: tokio::runtime::Runtime,
    backend: Arc<B>,
    aws: Aws,
    provider: AwsProvider,
    store: MemoryStore,
    losses: Vec<String>,
}

impl Rehearsal {
    /// An empty account in `us-east-1`. Each secret that a program wants supplied gets a value of its own.
    pub fn new() -> Self {
        Self::on(Emulator::in_memory("us-east-1"), Arc::new(Invented))
    }

    /// An account that stands already, with `supplier` for the secrets that a program wants supplied.
    pub fn on(emulator: Emulator, supplier: Arc<dyn Supplier>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing of the operating system");
        Self::with(runtime, emulator, supplier)
    }

    /// The account.
    pub fn emulator(&self) -> &Emulator {
        &self.backend
    }
}

impl<B: Backend + 'static> Rehearsal<B> {
    /// An account behind any other backend, on a clock that nobody stops. `connect` leads to it, and is awaited in the
    /// runtime in which the account is then used. Each secret that a program wants supplied gets a value of its own.
    ///
    /// # Panics
    /// If the operating system gives no means for I/O.
    pub fn in_real_time(connect: impl Future<Output = B>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the operating system gives the means for I/O");
        let backend = runtime.block_on(connect);
        Self::with(runtime, backend, Arc::new(Invented))
    }

    fn with(runtime: tokio::runtime::Runtime, backend: B, supplier: Arc<dyn Supplier>) -> Self {
        let backend = Arc::new(backend);
        let aws = Aws::new(backend.clone(), supplier);
        let provider = AwsProvider::new(aws.clone());
        Self { rules: Rules::Held, runtime, backend, provider, aws, store: MemoryStore::default(), losses: Vec::new() }
    }
}

impl<B> Rehearsal<B> {
    /// The same for stacks that may break rules of safety and policies, as a part of one does that is tested alone: what
    /// cannot work is found, and what is not safe is left to the program that the part goes into.
    ///
    /// ```
    /// use palisade::prelude::*;
    /// use palisade_testing::Rehearsal;
    ///
    /// let mut rehearsal = Rehearsal::new().without_rules();
    /// // No flow log records what happens in it.
    /// rehearsal.apply(|stack| _ = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16"))));
    /// ```
    #[must_use]
    pub fn without_rules(self) -> Self {
        Self { rules: Rules::Left, ..self }
    }

    /// What an apply of the stack would do now.
    ///
    /// # Panics
    /// If the stack has findings, breaks a rule or a policy, or cannot be planned; the message says why.
    #[track_caller]
    pub fn plan(&self, declare: impl FnOnce(&mut Stack)) -> Plan {
        match self.try_plan(&crate::checked(declare, self.rules)) {
            Ok(plan) => plan,
            Err(PlanError::Impossible(findings)) => panic!("{}", crate::messages(&findings)),
            Err(error) => panic!("{error}"),
        }
    }

    /// What an apply of the graph would do now.
    ///
    /// # Errors
    /// [`PlanError`] if it cannot be planned.
    pub fn try_plan(&self, graph: &Graph) -> Result<Plan, PlanError> {
        self.try_plan_with(graph, &PlanOptions::default())
    }

    /// What an apply of the graph would do now, with the options of `plan`, such as `--replace`.
    ///
    /// # Errors
    /// [`PlanError`] if it cannot be planned.
    pub fn try_plan_with(&self, graph: &Graph, options: &PlanOptions) -> Result<Plan, PlanError> {
        self.runtime.block_on(palisade_engine::plan_with(&self.provider, graph, &self.state(), options))
    }

    /// Applies the stack, and returns what was done.
    ///
    /// # Panics
    /// If the stack has findings, breaks a rule or a policy, cannot be planned, or could not be applied as a whole; the
    /// message says why.
    #[track_caller]
    pub fn apply(&mut self, declare: impl FnOnce(&mut Stack)) -> Report {
        let graph = crate::checked(declare, self.rules);
        let report = match self.try_apply(&graph) {
            Ok(report) => report,
            Err(PlanError::Impossible(findings)) => panic!("{}", crate::messages(&findings)),
            Err(error) => panic!("{error}"),
        };
        let failures: Vec<_> = report.failures.iter().map(|f| format!("{}: {}", f.address, f.error)).collect();
        assert!(report.is_complete(), "the apply failed:\n{}\nskipped: {:?}", failures.join("\n"), report.skipped);
        report
    }

    /// Applies the graph, and returns what was done and what was not.
    ///
    /// # Errors
    /// [`PlanError`] if it cannot be planned.
    pub fn try_apply(&mut self, graph: &Graph) -> Result<Report, PlanError> {
        let plan = self.try_plan(graph)?;
        Ok(self.carry_out(graph, &plan))
    }

    /// Carries out a plan that was made of the graph before, whatever has become of the account meanwhile.
    pub fn carry_out(&mut self, graph: &Graph, plan: &Plan) -> Report {
        let state = self.state();
        let needs_consent = |(_, loss): &(_, &Loss)| loss.consent != ConsentStatus::NotNeeded;
        let losses = plan.losses().filter(needs_consent);
        self.losses = losses.map(|(address, loss)| format!("{address}: {}", loss.fate)).collect();
        let options = ApplyOptions { consent: Consent::All, ..ApplyOptions::default() };
        let apply = async {
            let mut lock = self.store.lock("a rehearsal", &mut |_| {}).await?;
            palisade_engine::apply(&self.provider, &mut lock, state, graph, plan, &options, &mut |_| {}).await
        };
        self.runtime.block_on(apply).expect("a store in memory, which nobody else has, does not fail")
    }

    /// The losses of data in the last apply or destroy, for which `apply` asks for consent.
    ///
    /// ```
    /// use palisade::prelude::*;
    /// use palisade_testing::Rehearsal;
    ///
    /// fn log(stack: &mut Stack, name: LogGroupName) {
    ///     stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    ///     stack.add("slow", LogGroup::builder().name(name));
    /// }
    ///
    /// let mut rehearsal = Rehearsal::new().without_rules();
    /// rehearsal.apply(|stack| log(stack, log_group_name!("/redis/slow")));
    /// assert!(rehearsal.losses().is_empty());
    /// // Another name is another log group.
    /// rehearsal.apply(|stack| log(stack, log_group_name!("/cache/slow")));
    /// assert_eq!(rehearsal.losses(), ["LogGroup.slow: all events in `/redis/slow` will be lost"]);
    /// ```
    pub fn losses(&self) -> &[String] {
        &self.losses
    }

    /// Makes a call past the program, as somebody does in the console. It is made again for as long as the object that it is
    /// about is between two states, up to an hour.
    ///
    /// # Errors
    /// What the account answers.
    pub fn by_hand<O: Operation>(&self, operation: O) -> Result<O::Output, ProviderError> {
        self.runtime.block_on(self.aws.call_until_settled(Duration::from_hours(1), operation))
    }

    /// The stack as Terraform JSON, with `import` blocks for all that was applied.
    ///
    /// # Panics
    /// If the stack has findings, breaks a rule or a policy, or cannot be exported; the message says why.
    #[track_caller]
    pub fn export(&self, declare: impl FnOnce(&mut Stack)) -> String {
        let graph = crate::checked(declare, self.rules);
        crate::document(&graph, &palisade_engine::existing(&graph, &self.state()))
    }

    /// Destroys all that was applied, and returns what was done.
    ///
    /// # Panics
    /// If something could not be destroyed; the message says why.
    #[track_caller]
    pub fn destroy(&mut self) -> Report {
        self.apply(|_| {})
    }

    /// What the account has of objects of a kind, whoever made them; `None` for one that does not exist.
    ///
    /// # Panics
    /// If they cannot be read; the message says why.
    #[track_caller]
    pub fn read(&self, kind: &str, ids: &[String]) -> Vec<Option<Observation>> {
        let inputs = JsonMap::new();
        let objects: Vec<_> = ids.iter().map(|id| Object { id, inputs: &inputs, attributes: None }).collect();
        let turn: Arc<dyn Turn> = Arc::new(Unlimited);
        match self.runtime.block_on(self.provider.read(&turn, kind, &objects)) {
            Ok(observations) => observations,
            Err(error) => panic!("{kind}: {error}"),
        }
    }

    /// What the engine knows to exist.
    pub fn state(&self) -> State {
        let loaded = self.runtime.block_on(self.store.load()).expect("a store in memory does not fail");
        loaded.unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"))
    }
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self::new()
    }
}

/// Supplies a value for every variable, which says what it is, and is valid as a token and as a password.
struct Invented;

impl Supplier for Invented {
    fn supply(&self, variable: &str) -> Option<SecretString> {
        let letters: String = variable.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(format!("inventedForRehearsal{letters}").into())
    }
}
