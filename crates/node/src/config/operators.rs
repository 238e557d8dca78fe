use base::config::Checks;
use secrets::Credential;

base::config_section! {
    /// What operators are shown beside the admin API, and by which credentials. The operator's own credential (see
    /// `admin.credential`) opens everything here too.
    pub struct Operators {
        /// Whether `GET /invokers` and `GET /activation`, and what is below them, answer everybody. Not set: only where
        /// the server listens at a loopback address.
        pub open: Option<bool> = None,
        /// Who may also disable and enable the controller, as `user:password`.
        pub controller: Option<String> = None,
        /// Who may also look at the queues, and disable and enable the scheduler, as `user:password`.
        pub scheduler: Option<String> = None,
        /// Who may also look at the containers, and disable and enable the invoker, as `user:password`.
        pub invoker: Option<String> = None,
        /// How many percent of the invokers must be up for `GET /invokers/ready` and `GET /ready` to say so.
        pub ready_percent: u32 = controller::Operators::default().ready_percent,
    }
    check: Operators::check
}

base::config_section! {
    /// What is counted for `GET /metrics`.
    pub struct Metrics {
        /// Whether anything is.
        pub enabled: bool = true,
        /// Whether everybody may read it, or only the operator. Not set: everybody, where the server listens at a
        /// loopback address.
        pub open: Option<bool> = None,
        /// How many actions have numbers of their own; all further ones share theirs.
        pub most_actions: usize = 500,
    }
}

impl Operators {
    /// The role's own form. `loopback`: whether only this machine can reach the server.
    #[must_use]
    pub fn to_role(&self, loopback: bool) -> controller::Operators {
        let credential = |login: &Option<String>| login.as_deref().map(Credential::new);
        controller::Operators {
            open: self.open.unwrap_or(loopback),
            controller: credential(&self.controller),
            scheduler: credential(&self.scheduler),
            invoker: credential(&self.invoker),
            ready_percent: self.ready_percent,
        }
    }

    fn check(&self, checks: &mut Checks<'_>) {
        let fits = |login: &Option<String>| {
            login.as_ref().is_none_or(|login| {
                login.split_once(':').is_some_and(|(user, word)| !user.is_empty() && !word.is_empty())
            })
        };
        for (name, login) in
            [("controller", &self.controller), ("scheduler", &self.scheduler), ("invoker", &self.invoker)]
        {
            checks.require(fits(login), name, "a user, a colon and a password");
        }
        checks.require((1..=100).contains(&self.ready_percent), "ready_percent", "1 to 100");
    }
}

impl Metrics {
    /// The role's own form. `loopback`: whether only this machine can reach the server.
    #[must_use]
    pub fn to_role(&self, loopback: bool) -> Option<controller::Metrics> {
        let open = self.open.unwrap_or(loopback);
        self.enabled.then_some(controller::Metrics { most_actions: self.most_actions, open })
    }
}
